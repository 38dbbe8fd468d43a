using System.Net.Http.Json;
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
        await _weir.DisposeAsync();
        await _remote.DisposeAsync();
        _scratch.Dispose();
    }

    [Fact]
    public async Task Round_ByTheOfficialNpmClient_Works()
    {
        await NodeSdks.RunAsync("mcp.mjs", _weir.Url, "rag,remote:box");
        await AllFreeAsync();
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
        await AllFreeAsync();
    }

    private static string TextOf(CallToolResult result) => ((TextContentBlock)result.Content[0]).Text;

    private async Task AllFreeAsync()
    {
        var resources = (await _weir.Client.GetFromJsonAsync<JsonElement>("/v1/resources")).GetProperty("data");
        resources.EnumerateArray().ShouldNotBeEmpty();
        resources.EnumerateArray().ShouldAllBe(one => one.GetProperty("state").GetString() == "free");
    }
}
