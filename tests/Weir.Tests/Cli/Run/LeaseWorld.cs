using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Client;

namespace Weir.Tests.Cli.Run;

/// <summary>A server with so many resources of kind <c>rag</c>, as a run sees it: grants in order, keeps idempotency keys, refuses old fences, and can be told to fail.</summary>
internal sealed class LeaseWorld(int capacity) : HttpMessageHandler
{
    private readonly Lock _sync = new();
    private readonly Dictionary<string, JsonObject> _byId = [];
    private readonly Dictionary<string, string> _byKey = [];
    private readonly Dictionary<string, long> _grantedAt = [];
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private readonly int _total = capacity;
    private int _free = capacity;
    private long _fence;

    /// <summary>Asked before each request. Null in the result: it goes on.</summary>
    public Func<HttpRequestMessage, HttpResponseMessage?> Before { get; set; } = _ => null;

    /// <summary>Who waits for so long, in real time, ends all that is leased for as long, as a ttl does: somebody could not give it back. Null: nothing ends by itself.</summary>
    public TimeSpan? Ttl { get; set; }

    public int Free => Volatile.Read(ref _free);

    public int Granted { get; private set; }

    public int Renewed { get; private set; }

    public List<string> Keys { get; } = [];

    public List<JsonObject> Requests { get; } = [];

    public WeirClient Client(TimeProvider time) => new(new HttpClient(this, disposeHandler: false) { BaseAddress = new Uri("http://weir.test"), Timeout = Timeout.InfiniteTimeSpan }, new WeirClientOptions { Time = time, MaxRetries = 0, Timeout = Timeout.InfiniteTimeSpan });

    /// <summary>Ends a lease behind its holder's back.</summary>
    public void End(string id)
    {
        lock (_sync)
            Release(_byId[id], "expired");
    }

    public IReadOnlyList<string> Live()
    {
        lock (_sync)
            return [.. _byId.Values.Where(lease => (string?)lease["state"] == "ready").Select(lease => (string)lease["id"]!)];
    }

    public static HttpResponseMessage Problem(HttpStatusCode status, string code) =>
        Answer(status, new JsonObject { ["status"] = (int)status, ["code"] = code, ["detail"] = $"It is {code}." });

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (Before(request) is { } instead)
            return instead;
        var path = request.RequestUri!.AbsolutePath.Trim('/').Split('/');
        if (path is ["v1", "kinds"])
            return Answer(HttpStatusCode.OK, new JsonObject { ["data"] = new JsonArray(new JsonObject { ["name"] = "rag", ["total"] = _total }) });
        if (path is ["v1", "leases"] && request.Method == HttpMethod.Post)
            return await AllocateAsync(request, cancellationToken);
        if (path is ["v1", "leases"])
        {
            var state = System.Web.HttpUtility.ParseQueryString(request.RequestUri.Query)["state"];
            lock (_sync)
                return Answer(HttpStatusCode.OK, new JsonObject { ["data"] = new JsonArray([.. _byId.Values.Where(lease => (string?)lease["state"] == state).Select(lease => lease.DeepClone())]) });
        }

        lock (_sync)
        {
            if (!_byId.TryGetValue(path[2], out var lease))
                return Problem(HttpStatusCode.NotFound, "not_found");
            if (request.Method == HttpMethod.Delete)
            {
                Release(lease, "released");
                return new HttpResponseMessage(HttpStatusCode.NoContent);
            }

            if ((string?)lease["state"] != "ready")
                return Problem(HttpStatusCode.Gone, "lease_ended");
            Renewed++;
            return Answer(HttpStatusCode.OK, new JsonObject { ["expires_at"] = "2030-01-01T00:00:00Z" });
        }
    }

    private async Task<HttpResponseMessage> AllocateAsync(HttpRequestMessage request, CancellationToken stop)
    {
        var body = (JsonObject)JsonNode.Parse(await request.Content!.ReadAsStringAsync(stop))!;
        var key = request.Headers.GetValues("Idempotency-Key").Single();
        TaskCompletionSource? turn = null;
        lock (_sync)
        {
            Keys.Add(key);
            Requests.Add(body);
            if (_byKey.TryGetValue(key, out var known))
                return Answer(HttpStatusCode.OK, (JsonObject)_byId[known].DeepClone());
            if (_free > 0)
                _free--;
            else
                _waiting.Enqueue(turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        if (turn is not null)
        {
            using var left = stop.Register(() => turn.TrySetCanceled(stop));
            while (Ttl is { } ttl && await Task.WhenAny(turn.Task, Task.Delay(ttl, CancellationToken.None)) != turn.Task)
            {
                lock (_sync)
                {
                    foreach (var (_, lease) in _byId.Where(entry => TimeProvider.System.GetElapsedTime(_grantedAt[entry.Key]) >= ttl).ToList())
                        Release(lease, "expired");
                }
            }

            await turn.Task;
        }

        lock (_sync)
        {
            Granted++;
            var id = $"lease-{++_fence}";
            var lease = new JsonObject
            {
                ["id"] = id, ["worker_id"] = body["worker_id"]!.DeepClone(), ["fence"] = _fence, ["state"] = "ready", ["labels"] = body["labels"]?.DeepClone(),
                ["resources"] = new JsonArray(new JsonObject { ["id"] = "rag.0", ["kind"] = "rag", ["base_url"] = "http://weir.test/doors/rag.0", ["token"] = "secret" }),
            };
            (_byId[id], _byKey[key], _grantedAt[id]) = (lease, id, TimeProvider.System.GetTimestamp());
            return Answer(HttpStatusCode.Created, (JsonObject)lease.DeepClone());
        }
    }

    private void Release(JsonObject lease, string state)
    {
        if ((string?)lease["state"] != "ready")
            return;
        lease["state"] = state;
        while (_waiting.TryDequeue(out var next))
        {
            if (next.TrySetResult())
                return;
        }

        _free++;
    }

    private static HttpResponseMessage Answer(HttpStatusCode status, JsonObject body) => new(status) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };
}
