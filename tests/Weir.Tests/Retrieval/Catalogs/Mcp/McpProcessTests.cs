using System.Diagnostics;
using Weir.Retrieval.Catalogs;
using Weir.Tests.Retrieval.Catalogs.Support;
using static Weir.Tests.Retrieval.Catalogs.Support.CatalogHarness;

namespace Weir.Tests.Retrieval.Catalogs.Mcp;

/// <summary>Real programs as MCP servers: small shell scripts, most of them badly behaved.</summary>
public sealed class McpProcessTests
{
    // Answers by pattern: what a server in 10 lines of shell can do.
    private const string Server = """
        echo "started with $SECRET" >&2
        while read -r line; do
          id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
          case "$line" in
            *'"initialize"'*)
              version=$(printf '%s' "$line" | sed -n 's/.*"protocolVersion":"\([^"]*\)".*/\1/p')
              echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"protocolVersion\":\"$version\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"sh\",\"version\":\"1\"}}}" ;;
            *tools/list*)
              echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"tools\":[{\"name\":\"pid_$$\",\"description\":\"${WEIR_TEST_HOST_ONLY:-clean}\",\"inputSchema\":{\"type\":\"object\"}}]}}" ;;
            *'"id"'*)
              echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"no\"}}" ;;
          esac
        done
        """;

    private static CatalogChange Shell(string script) => new()
    {
        Global = true,
        Mcp = [new() { Name = "sh", Command = "sh", Args = ["-c", script], Env = new Dictionary<string, string> { ["SECRET"] = "hunter22" } }],
    };

    [Fact]
    public async Task Program_WellBehaved_IsFollowedAndEndsWithItsCatalog()
    {
        Environment.SetEnvironmentVariable("WEIR_TEST_HOST_ONLY", "leaked");
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Admin, "tools", Shell(Server));
        await replica.EventuallyAsync("tools", view => view.Tools == 1 && view.State == "ready");
        var tool = (await replica.Catalogs.ToolsAsync(Admin, "tools", null, 10, null)).Page!.Data.ShouldHaveSingleItem();
        tool.Description.ShouldBe("clean", "a program gets few of this process's variables");
        var program = int.Parse(tool.Name[4..], System.Globalization.CultureInfo.InvariantCulture);
        IsRunning(program).ShouldBeTrue();
        await replica.Catalogs.DeleteAsync(Admin, "tools");
        await Eventually.TrueAsync(() => !IsRunning(program));
    }

    [Fact]
    public async Task Program_Killed_IsStartedAgain()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Admin, "tools", Shell(Server));
        await replica.EventuallyAsync("tools", view => view.Tools == 1 && view.State == "ready");
        var first = (await replica.Catalogs.ToolsAsync(Admin, "tools", null, 10, null)).Page!.Data[0].Name;
        Process.GetProcessById(int.Parse(first[4..], System.Globalization.CultureInfo.InvariantCulture)).Kill();
        await Eventually.TrueAsync(() => replica.Catalogs.ToolsAsync(Admin, "tools", null, 10, null).AsTask().GetAwaiter().GetResult().Page!.Data[0].Name != first);
    }

    [Theory]
    [InlineData("echo \"bad key $SECRET\" >&2; exit 3", "ended with code 3. Its last words: bad key ***")]
    [InlineData("read -r line; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"resu'; exit 1", "ended with code 1")]
    [InlineData("exec sleep 1000 <&-", "handshake")]
    [InlineData("trap '' TERM HUP; while :; do sleep 1000; done", "handshake")]
    [InlineData("exec cat /dev/zero", "KiB")]
    public async Task Program_Misbehaving_SaysWhyAndLeavesNothing(string script, string why)
    {
        await using (var replica = await new CatalogHarness(mcp: Quick with { ConnectWithin = TimeSpan.FromSeconds(1), MessageBytes = 1 << 20, LongestPause = TimeSpan.FromSeconds(2) }).StartAsync())
        {
            await replica.PutAsync(Admin, "tools", Shell($"# {Marker}\n{script}"));
            await replica.EventuallyAsync("tools", view => view.Sources![0].Error?.Contains(why, StringComparison.Ordinal) == true);
            (await replica.SourceAsync("tools")).Error!.ShouldNotContain("hunter22");
        }

        await Eventually.TrueAsync(() => !Process.GetProcessesByName("sh").Any(program => CommandOf(program.Id).Contains(Marker, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Program_ThatIsNone_SaysSo()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Admin, "tools", new CatalogChange { Global = true, Mcp = [new() { Command = "no-such-program-here" }] });
        await replica.EventuallyAsync("tools", view => view.Sources![0].Error?.Contains("there is no such program", StringComparison.Ordinal) == true);
    }

    private static string Marker { get; } = "weir-test-" + Guid.NewGuid().ToString("N");

    private static bool IsRunning(int process) => Directory.Exists($"/proc/{process}") && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);

    private static string CommandOf(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
