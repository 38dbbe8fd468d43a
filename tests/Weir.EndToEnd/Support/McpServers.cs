namespace Weir.EndToEnd.Support;

/// <summary>A public MCP server from npm, installed once into the artifacts.</summary>
internal static class McpServers
{
    private const string Package = "@modelcontextprotocol/server-everything";
    private const string Version = "2026.8.31";
    private static readonly SemaphoreSlim Installing = new(1);

    /// <summary>The script that node runs.</summary>
    public static async Task<string> EverythingAsync()
    {
        var folder = Path.Combine(Artifacts.Root, "artifacts", "e2e-mcp");
        var script = Path.Combine(folder, "node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js");
        await Installing.WaitAsync();
        try
        {
            if (!File.Exists(script))
            {
                Directory.CreateDirectory(folder);
                await File.WriteAllTextAsync(Path.Combine(folder, "package.json"), """{ "private": true }""");
                var (code, output) = await ChildProcess.RunAsync("npm", ["install", "--no-package-lock", "--no-audit", "--no-fund", $"{Package}@{Version}"], folder, TimeSpan.FromMinutes(3));
                code.ShouldBe(0, output);
            }
        }
        finally
        {
            Installing.Release();
        }

        File.Exists(script).ShouldBeTrue(script);
        return script;
    }
}
