namespace Weir.EndToEnd.Support;

/// <summary>The example's script beside its packages, installed once into the artifacts.</summary>
internal static class NodeExample
{
    private static readonly SemaphoreSlim Installing = new(1);

    /// <summary>The path of the script.</summary>
    public static async Task<string> InstallAsync()
    {
        var folder = Path.Combine(Artifacts.Root, "artifacts", "e2e-node");
        await Installing.WaitAsync();
        try
        {
            Directory.CreateDirectory(folder);
            var wanted = await File.ReadAllTextAsync(Artifacts.Example("thousand-prompts", "package.json"));
            var package = Path.Combine(folder, "package.json");
            var mark = Path.Combine(folder, "node_modules", ".installed.json");
            if (!File.Exists(mark) || await File.ReadAllTextAsync(mark) != wanted)
            {
                await File.WriteAllTextAsync(package, wanted);
                var (code, output) = await ChildProcess.RunAsync("npm", ["install", "--no-package-lock", "--no-audit", "--no-fund"], folder, TimeSpan.FromMinutes(3));
                code.ShouldBe(0, output);
                await File.WriteAllTextAsync(mark, wanted);
            }

            var script = Path.Combine(folder, "run.mjs");
            File.Copy(Artifacts.Example("thousand-prompts", "run.mjs"), script, overwrite: true);
            return script;
        }
        finally
        {
            Installing.Release();
        }
    }
}
