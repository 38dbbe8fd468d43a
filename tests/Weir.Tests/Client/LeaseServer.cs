using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Client;

namespace Weir.Tests.Client;

/// <summary>Leases and their doors in memory: grants whatever is asked for, and answers as a test says where it says something.</summary>
internal sealed class LeaseServer : HttpMessageHandler
{
    private readonly Lock _sync = new();
    private readonly List<Asked> _asked = [];
    private readonly List<(Func<Asked, bool> Of, int Count, TaskCompletionSource Signal)> _awaited = [];

    /// <param name="Line">Method and path.</param>
    /// <param name="Body">Empty: none.</param>
    /// <param name="Token">What the bearer showed.</param>
    /// <param name="Key">For idempotency.</param>
    internal sealed record Asked(string Line, string Body, string? Token, string? Key);

    /// <summary>Asked first. Null from it: the usual answer.</summary>
    public Func<Asked, HttpResponseMessage?> Answer { get; set; } = _ => null;

    public IReadOnlyList<Asked> All
    {
        get
        {
            lock (_sync)
                return [.. _asked];
        }
    }

    public WeirClient Client(WeirClientOptions? options = null) => new(new HttpClient(this, disposeHandler: false) { BaseAddress = new Uri("http://weir.test:7800") }, options);

    public IReadOnlyList<Asked> Of(string line) => [.. All.Where(asked => asked.Line.StartsWith(line, StringComparison.Ordinal))];

    /// <summary>Ends when so many requests of a line have been answered.</summary>
    public Task WhenAsync(string line, int count = 1)
    {
        lock (_sync)
        {
            bool Is(Asked asked) => asked.Line.StartsWith(line, StringComparison.Ordinal);
            if (_asked.Count(Is) >= count)
                return Task.CompletedTask;
            var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited.Add((Is, count, signal));
            return signal.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    public static HttpResponseMessage Json(HttpStatusCode status, string body) => new(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    public static HttpResponseMessage Problem(int status, string code, string detail) =>
        Json((HttpStatusCode)status, new JsonObject { ["status"] = status, ["code"] = code, ["detail"] = detail }.ToJsonString());

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var asked = new Asked(
            $"{request.Method} {request.RequestUri!.PathAndQuery}", request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken),
            request.Headers.Authorization?.Parameter, request.Headers.TryGetValues("Idempotency-Key", out var keys) ? keys.Single() : null);
        lock (_sync)
        {
            _asked.Add(asked);
            foreach (var (_, _, signal) in _awaited.Where(awaited => _asked.Count(awaited.Of) >= awaited.Count))
                signal.TrySetResult();
        }

        return Answer(asked) ?? Usual(asked);
    }

    private static HttpResponseMessage Usual(Asked asked) => asked.Line switch
    {
        "POST /v1/leases" => Json(HttpStatusCode.Created, Granted(JsonNode.Parse(asked.Body)!.AsObject())),
        "POST /v1/leases/l1/renew" => Json(HttpStatusCode.OK, """{"id":"l1","fence":42,"expires_at":"2030-01-01T01:00:00Z"}"""),
        "GET /v1/leases/l1/observations" => Json(HttpStatusCode.OK, """{"rag":{"text":"seen"},"resources":{"rag.0":{"text":"seen"}}}"""),
        _ when asked.Line.StartsWith("DELETE", StringComparison.Ordinal) => new(HttpStatusCode.NoContent),
        _ when asked.Line.EndsWith("/screenshot", StringComparison.Ordinal) =>
            new(HttpStatusCode.OK) { Content = new ByteArrayContent([1, 2, 3]) { Headers = { ContentType = new("image/png") } } },
        _ when asked.Line.EndsWith("/actions", StringComparison.Ordinal) => Json(HttpStatusCode.OK, $$"""{"done":{{JsonNode.Parse(asked.Body)!.AsArray().Count}}}"""),
        _ when asked.Line.EndsWith("/query", StringComparison.Ordinal) => Json(HttpStatusCode.OK, """{"results":[{"document_id":"d","chunk_id":"d#0","text":"a passage","score":0.5}]}"""),
        _ => Problem(404, "not_found", "There is no such path."),
    };

    private static string Granted(JsonObject request)
    {
        var resources = new JsonArray();
        foreach (var wanted in request["resources"]!.AsArray())
        {
            for (var i = 0; i < ((int?)wanted!["count"] ?? 1); i++)
            {
                var (kind, id) = ((string)wanted["kind"]!, $"{(string)wanted["kind"]!}.{i}");
                resources.Add(new JsonObject
                {
                    ["id"] = id, ["kind"] = kind, ["base_url"] = "http://weir.test:7800/doors/" + id, ["token"] = "weirdoor_" + id, ["status"] = "leased",
                    ["observation"] = new JsonObject { ["text"] = "a first look" },
                });
            }
        }

        return new JsonObject
        {
            ["id"] = "l1", ["worker_id"] = (string)request["worker_id"]!, ["fence"] = 42, ["state"] = "ready", ["expires_at"] = "2030-01-01T00:02:00Z", ["resources"] = resources,
        }.ToJsonString();
    }
}
