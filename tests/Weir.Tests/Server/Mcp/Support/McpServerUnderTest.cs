using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Broker;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Tests.Server.Mcp.Support;

/// <summary>A server whose leases are a fake, and its /mcp as a client without any library sees it.</summary>
internal sealed class McpServerUnderTest : IAsyncDisposable
{
    public const string Initialize = """{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}""";
    public const string Old = """{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}""";

    private int _ids;

    public required RunningServer Server { get; init; }

    public required FakeLeases Leases { get; init; }

    public static async Task<McpServerUnderTest> StartAsync(TimeProvider? time = null, bool sockets = false, bool fixtures = false)
    {
        var leases = new FakeLeases();
        leases.Add("rag", 3);
        leases.Add("vm", 2);
        var server = await RunningServer.StartAsync(new RunningServer.Options
        {
            Time = time ?? TimeProvider.System,
            Sockets = sockets,
            McpFixtures = fixtures,
            Customize = builder =>
            {
                builder.Services.AddSingleton<ILeaseBroker>(leases);
                builder.Services.AddSingleton<IFleetView>(leases);
                builder.Services.AddSingleton<IDoors>(leases);
                builder.Services.AddSingleton(new ResourceKinds([.. new[] { "rag", "vm", "extra" }.Select(sort => new RegisteredKind(new KindSort(sort), new FakeKind(sort)))]));
            },
        });
        return new McpServerUnderTest { Server = server, Leases = leases };
    }

    /// <returns>The session's id.</returns>
    public async Task<string> BeginAsync(string? key = null, string initialize = Initialize)
    {
        using var answer = await PostAsync(initialize, key: key);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        var session = answer.Headers.GetValues("Mcp-Session-Id").Single();
        using var told = await PostAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""", session, key);
        told.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        return session;
    }

    public Task<HttpResponseMessage> PostAsync(string body, string? session = null, string? key = null, CancellationToken cancellationToken = default, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, body, session, key, "application/json, text/event-stream", cancellationToken, headers);

    public Task<HttpResponseMessage> GetAsync(string session, string? key = null, CancellationToken cancellationToken = default, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Get, null, session, key, "text/event-stream", cancellationToken, headers);

    public async Task<HttpStatusCode> DeleteAsync(string? session, string? key = null)
    {
        using var answer = await SendAsync(HttpMethod.Delete, null, session, key, "application/json", default);
        return answer.StatusCode;
    }

    /// <summary>Calls a tool and reads its result.</summary>
    public async Task<JsonNode> CallAsync(string tool, object arguments, string? session = null, string? key = null)
    {
        using var answer = await PostAsync(Call(tool, arguments), session, key);
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        var message = Messages(text).Last();
        return message["result"] ?? throw new InvalidOperationException(message.ToJsonString());
    }

    public string Call(string tool, object arguments, int? id = null, string? progressToken = null)
    {
        var parameters = new JsonObject { ["name"] = tool, ["arguments"] = JsonSerializer.SerializeToNode(arguments) };
        if (progressToken is not null) parameters["_meta"] = new JsonObject { ["progressToken"] = progressToken };
        return new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id ?? Interlocked.Increment(ref _ids), ["method"] = "tools/call", ["params"] = parameters }.ToJsonString();
    }

    /// <summary>The messages of a stream of events.</summary>
    public static List<JsonNode> Messages(string events) =>
        [.. events.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonNode.Parse(line["data: ".Length..])!)];

    public static string TextOf(JsonNode result) => (string)result["content"]![0]!["text"]!;

    public async ValueTask DisposeAsync()
    {
        Leases.Hold?.TrySetResult();
        await Server.DisposeAsync();
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string? body, string? session, string? key, string accept, CancellationToken cancellationToken, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, "/mcp");
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        request.Headers.TryAddWithoutValidation("Accept", accept);
        if (session is not null) request.Headers.Add("Mcp-Session-Id", session);
        if (key is not null) request.Headers.Authorization = new("Bearer", key);
        foreach (var (name, value) in headers)
        {
            request.Headers.Remove(name);
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }
}
