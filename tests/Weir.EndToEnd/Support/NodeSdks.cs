namespace Weir.EndToEnd.Support;

/// <summary>The scripts that drive the official npm clients, and the packages beside them: <c>./weir test</c> installs those, else the first test that needs them does.</summary>
internal static class NodeSdks
{
    private static readonly SemaphoreSlim Installing = new(1);

    public static string Folder => Path.Combine(Artifacts.Root, "tests", "Weir.EndToEnd", "Node");

    /// <summary>Runs the flows of one client against one model and shows what failed.</summary>
    public static async Task RunAsync(string script, string url, string model)
    {
        await InstallAsync();
        var (code, output) = await ChildProcess.RunAsync("node", [Path.Combine(Folder, script), "--url", url, "--model", model], Folder, TimeSpan.FromMinutes(2));
        code.ShouldBe(0, output);
        output.ShouldContain(" flows passed, 0 failed");
    }

    public static async Task InstallAsync()
    {
        await Installing.WaitAsync();
        try
        {
            if (File.Exists(Path.Combine(Folder, "node_modules", ".package-lock.json")))
                return;
            var (code, output) = await ChildProcess.RunAsync("npm", ["ci", "--no-audit", "--no-fund"], Folder, TimeSpan.FromMinutes(3));
            code.ShouldBe(0, output);
        }
        finally
        {
            Installing.Release();
        }
    }
}
