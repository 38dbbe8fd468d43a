using System.Text.Json;
using System.Text.Json.Serialization;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Server.Errors;

namespace Weir.Server.Leases;

/// <summary>What <c>POST /v1/leases</c> takes.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record LeaseBody
{
    internal const string TtlTakes = "'ttl' takes a duration from 1s to 24h as a text, such as \"15m\" or \"900s\".";
    private const string WaitTakes = "'wait' takes a duration from 0s (now or never) to 24h as a text, such as \"2m\" or \"900ms\".";
    private const int MostResources = 256;
    private const int MostLabels = 32;
    private const int LongestLabel = 64;
    private const int LongestValue = 256;
    private static readonly TimeSpan ADay = TimeSpan.FromDays(1);

    /// <summary>Who will use it: 1 to 200 printable characters of your choice.</summary>
    public string? WorkerId { get; init; }

    /// <summary>What is needed, all of it at once.</summary>
    public IReadOnlyList<DemandBody?>? Resources { get; init; }

    /// <summary>How long it holds from when it is ready, and from each renewal: 1s to 24h. Default: 15m.</summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>How long to wait for it: 0s (now or never) to 24h. Default: x-weir-timeout, else 60s.</summary>
    public TimeSpan? Wait { get; init; }

    /// <summary>0 to 9, 9 first; at most what the key may. Default: x-weir-priority, else 5.</summary>
    public int? Priority { get; init; }

    /// <summary>At most 32 of your own, to find it by.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    /// <summary>true: the answer holds what each resource shows first, as <c>/observations</c> does. Default: false.</summary>
    public bool Observe { get; init; }

    /// <summary>What is asked for, or what is wrong with it.</summary>
    /// <param name="priority">Of the request's headers. Null: none.</param>
    /// <param name="timeout">The same.</param>
    public (LeaseRequest? Request, ApiError? Error) Read(int? priority, TimeSpan? timeout)
    {
        if (WorkerId is null)
            return (null, ApiError.Malformed("The body needs a text 'worker_id': whoever will use the lease.", "worker_id"));
        if (FaultOfWorker(WorkerId) is { } worker)
            return (null, worker);
        if (Resources is not { Count: > 0 })
            return (null, ApiError.Malformed("The body needs 'resources': a list such as [{\"kind\": \"rag\"}] with at least one entry.", "resources"));
        var demands = new List<LeaseDemand>(Resources.Count);
        var total = 0L;
        for (var i = 0; i < Resources.Count; i++)
        {
            if (Resources[i] is not { Kind: { Length: > 0 } kind } one)
                return (null, ApiError.Malformed("Each entry of 'resources' needs a 'kind'. GET /v1/kinds lists them.", $"resources[{i}].kind"));
            if (one.Count is < 1 or > MostResources)
                return (null, ApiError.Unprocessable($"'count' is {one.Count}; it takes 1 to {MostResources}.", $"resources[{i}].count"));
            demands.Add(new LeaseDemand(kind, one.Count, one.Config));
            total += one.Count;
        }

        if (total > MostResources)
            return (null, ApiError.Unprocessable($"A lease holds at most {MostResources} resources; this asks for {total}.", "resources"));
        if (Ttl is { } ttl && (ttl < TimeSpan.FromSeconds(1) || ttl > ADay))
            return (null, ApiError.Unprocessable(TtlTakes, "ttl"));
        if (Wait is { } wait && (wait < TimeSpan.Zero || wait > ADay))
            return (null, ApiError.Unprocessable(WaitTakes, "wait"));
        if (Priority is < 0 or > 9)
            return (null, ApiError.Unprocessable("'priority' takes 0 to 9; 9 goes first.", "priority"));
        if (FaultOfLabels() is { } labels)
            return (null, labels);

        var usual = new LeaseRequest { WorkerId = WorkerId, Demands = demands };
        return (usual with
        {
            Ttl = Ttl ?? usual.Ttl,
            Wait = Least(Wait, timeout) ?? usual.Wait,
            Priority = Priority ?? priority ?? usual.Priority,
            Labels = Labels?.ToDictionary(label => label.Key, label => label.Value!, StringComparer.Ordinal),
        }, null);
    }

    /// <summary>What a field takes, for one that has another type. Null: nothing more than that is to be said.</summary>
    public static string? Takes(string path) => path switch
    {
        "ttl" => TtlTakes,
        "wait" => WaitTakes,
        _ when path.StartsWith("resources[", StringComparison.Ordinal) && path.EndsWith("].count", StringComparison.Ordinal) => $"'count' takes a whole number from 1 to {MostResources}.",
        _ => null,
    };

    public static ApiError? FaultOfWorker(string worker) => worker.Length is 0 or > 200 || worker.Any(char.IsControl)
        ? ApiError.Unprocessable("'worker_id' takes 1 to 200 printable characters.", "worker_id")
        : null;

    private static TimeSpan? Least(TimeSpan? one, TimeSpan? other) => one is { } a && other is { } b ? (a < b ? a : b) : one ?? other;

    private ApiError? FaultOfLabels()
    {
        if (Labels is null)
            return null;
        if (Labels.Count > MostLabels)
            return ApiError.Unprocessable($"A lease has at most {MostLabels} labels; these are {Labels.Count}.", "labels");
        return Labels.Any(label => label.Key.Length is 0 or > LongestLabel || label.Value is null || label.Value.Length > LongestValue)
            ? ApiError.Unprocessable($"Each label has a name of 1 to {LongestLabel} characters and a text of at most {LongestValue}.", "labels")
            : null;
    }
}

/// <summary>So many resources of one kind.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record DemandBody
{
    /// <summary>A kind, or an alias of one.</summary>
    public string? Kind { get; init; }

    /// <summary>1 to 256. Default: 1.</summary>
    public int Count { get; init; } = 1;

    /// <summary>What each of them is initialised with, as its kind wants it. Null: the kind's defaults.</summary>
    public JsonElement? Config { get; init; }
}

/// <summary>What <c>POST /v1/leases/{id}/renew</c> takes.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record RenewBody
{
    /// <summary>Of the answer that made the lease.</summary>
    public long? Fence { get; init; }

    /// <summary>1s to 24h, from now. Null: the lease's own.</summary>
    public TimeSpan? Ttl { get; init; }

    public ApiError? Fault() => Fence is null ? ApiError.Malformed("The body needs the 'fence' that the lease was given with: a whole number.", "fence")
        : Ttl is { } ttl && (ttl < TimeSpan.FromSeconds(1) || ttl > TimeSpan.FromDays(1)) ? ApiError.Unprocessable(LeaseBody.TtlTakes, "ttl")
        : null;
}
