using System.Text;
using System.Text.Json;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Weir.EndToEnd.Support;
using Weir.Tests.Support;

namespace Weir.EndToEnd;

/// <summary>A worker's whole round over MCP, through the official clients of two languages: one in a session, one without.</summary>
public sealed class McpRoundTests : IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private Server _remote = null!;
    private Server _weir = null!;

    public async ValueTask InitializeAsync()
    {
        // Any HTTP server is a remote resource: here it is the simulated provider.
        _remote = await Server.SimAsync(_scratch);
        var config = _scratch.Write("weir.json", JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["kinds"] = new Dictionary<string, object>
            {
                ["rag"] = new { collection = "handbook", capacity = 2 },
                ["vm"] = new { capacity = 1, program = "xterm", size = "640x480", network = "none" },
                ["remote:box"] = new { endpoints = new[] { new { id = "a", base_url = _remote.Url } } },
            },
        }));
        _weir = await Server.UpAsync(_scratch, "--config", config);
        using var made = await _weir.Client.PutAsync("/v1/collections/handbook", null);
        made.EnsureSuccessStatusCode();
        const string Lines = """
            {"id":"refunds","text":"Refunds are paid within ten days to the card that was used."}
            {"id":"parking","text":"Parking is behind the building and free for guests."}
            """;
        using var documents = new StringContent(Lines, Encoding.UTF8, "application/x-ndjson");
        using var taken = await _weir.Client.PostAsync("/v1/collections/handbook/documents", documents);
        taken.IsSuccessStatusCode.ShouldBeTrue(await taken.Content.ReadAsStringAsync());
    }

    public async ValueTask DisposeAsync()
    {
        // Not killed: a desktop that nobody holds ends with it.
        _weir.Process.Signal();
        await _weir.Process.ExitAsync(TimeSpan.FromSeconds(60));
        await _weir.DisposeAsync();
        await _remote.DisposeAsync();
        _scratch.Dispose();
    }

    [Fact]
    public async Task Round_ByTheOfficialNpmClient_Works()
    {
        // Where no desktop can be made the kind says why, and the rest of the round is the same.
        var desktops = (await _weir.KindAsync("vm")).TryGetProperty("unable", out _) ? "" : ",vm";
        await NodeSdks.RunAsync("mcp.mjs", _weir.Url, "rag,remote:box" + desktops);
        await _weir.AllFreeAsync();
    }

    [Fact]
    public async Task Round_ByTheOfficialNetClientWithoutASession_Works()
    {
        var transport = new HttpClientTransport(new HttpClientTransportOptions { Endpoint = new Uri(_weir.Url + "/mcp"), TransportMode = HttpTransportMode.StreamableHttp });
        await using var client = await McpClient.CreateAsync(transport);
        client.SessionId.ShouldBeNull();
        (await client.ListToolsAsync()).Select(tool => tool.Name).ShouldContain("query_knowledge_base_dense");

        var allocated = await client.CallToolAsync("allocate_batch_resources", new Dictionary<string, object?> { ["worker_id"] = "net", ["resource_types"] = new[] { "rag", "remote:box" } });
        (allocated.IsError is true).ShouldBeFalse(TextOf(allocated));
        var found = await client.CallToolAsync("query_knowledge_base_hybrid", new Dictionary<string, object?> { ["worker_id"] = "net", ["query"] = "refunds", ["top_k"] = 1 });
        (found.IsError is true).ShouldBeFalse(TextOf(found));
        TextOf(found).ShouldContain("ten days");
        var released = await client.CallToolAsync("release_batch_resources", new Dictionary<string, object?> { ["worker_id"] = "net" });
        (released.IsError is true).ShouldBeFalse(TextOf(released));
        await _weir.AllFreeAsync();
    }

    private static string TextOf(CallToolResult result) => ((TextContentBlock)result.Content[0]).Text;
}
