namespace Weir.EndToEnd.Support;

/// <summary>A public MCP server from npm.</summary>
internal static class McpServers
{
    /// <summary>The script that node runs.</summary>
    public static async Task<string> EverythingAsync()
    {
        await NodeSdks.InstallAsync();
        var script = Path.Combine(NodeSdks.Folder, "node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js");
        File.Exists(script).ShouldBeTrue(script);
        return script;
    }
}
