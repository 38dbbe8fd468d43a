using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>What a worker asks for.</summary>
/// <param name="WorkerId">Who asks, 1 to 200 printable characters.</param>
/// <param name="Resources">At least one kind; at most 256 resources in all.</param>
public sealed record LeaseRequest(string WorkerId, IReadOnlyList<ResourceRequest> Resources)
{
    internal static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(60);

    /// <summary>How long it holds without a renewal, 1 s to 24 h. Null: 15 minutes.</summary>
    [JsonConverter(typeof(DurationConverter))]
    public TimeSpan? Ttl { get; init; }

    /// <summary>How long it may wait for its turn, 0 (now or never) to 24 h. Null: 60 s.</summary>
    [JsonConverter(typeof(DurationConverter))]
    public TimeSpan? Wait { get; init; }

    /// <summary>0 to 9, 9 first; 30 s of waiting count as one more. Null: 5.</summary>
    public int? Priority { get; init; }

    /// <summary>At most 32. Null: none.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>Whether the answer holds what each resource shows at first.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Observe { get; init; }

    /// <summary>The same key finds the same lease. Null: a new one for each call, which its own repetitions share.</summary>
    [JsonIgnore]
    public string? IdempotencyKey { get; init; }
}

/// <summary>So many resources of one kind.</summary>
/// <param name="Kind">Its name, or an alias of it.</param>
public sealed record ResourceRequest(string Kind)
{
    /// <summary>At least 1. Null: 1.</summary>
    public int? Count { get; init; }

    /// <summary>What each is initialised with. Null: the kind's defaults.</summary>
    public JsonNode? Config { get; init; }
}

/// <summary>A lease as it stands.</summary>
public sealed record Lease
{
    public string Id { get; init; } = "";

    public string WorkerId { get; init; } = "";

    /// <summary>What renewing and giving back must name: whoever holds an older one is refused.</summary>
    public long Fence { get; init; }

    /// <summary><c>waiting</c>, <c>granted</c>, <c>ready</c>, <c>released</c>, <c>expired</c> or <c>failed</c>.</summary>
    public string State { get; init; } = "";

    /// <summary>While it waits: from 1.</summary>
    public int? Position { get; init; }

    /// <summary>By the server's clock.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    public IReadOnlyList<LeasedResource> Resources { get; init; } = [];

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>All else that the server says of it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? More { get; set; }
}

/// <summary>One resource of a lease.</summary>
public sealed record LeasedResource
{
    public string Id { get; init; } = "";

    /// <summary>As it was asked for, aliases too.</summary>
    public string Kind { get; init; } = "";

    /// <summary>Its door. Null: the lease is not ready.</summary>
    public string? BaseUrl { get; init; }

    /// <summary>Sent to the door as a bearer token; good for this lease alone. Null: it is not shown to this key.</summary>
    public string? Token { get; init; }

    public string? Status { get; init; }

    /// <summary>What the kind tells of it.</summary>
    public JsonElement? Details { get; init; }

    /// <summary>What it shows at first, where it shows something.</summary>
    public ResourceObservation? Observation { get; init; }

    /// <summary>Without the token: this ends up in logs.</summary>
    public override string ToString() => $"{Id} ({Kind}) at {BaseUrl}";
}

/// <summary>What a resource shows.</summary>
public sealed record ResourceObservation
{
    /// <summary>A PNG. Null: it has no screen.</summary>
    public byte[]? Screenshot { get; init; }

    /// <summary>Null: it has none, or none could be had.</summary>
    public JsonElement? AccessibilityTree { get; init; }

    public string? Text { get; init; }

    /// <summary>All else that the server says of it, such as why it could not be looked at.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? More { get; set; }
}

/// <summary>What the resources of a lease show.</summary>
/// <param name="ByKind">The first resource of each kind.</param>
/// <param name="ByResource">Every resource, by its id.</param>
public sealed record LeaseObservations(IReadOnlyDictionary<string, ResourceObservation> ByKind, IReadOnlyDictionary<string, ResourceObservation> ByResource)
{
    private const string Resources = "resources";

    internal static LeaseObservations Of(JsonElement body)
    {
        if (body.ValueKind is not JsonValueKind.Object)
            throw new WeirException("The answer is not what Weir would say: observations are an object.") { Code = "invalid_answer" };
        var each = body.TryGetProperty(Resources, out var listed) && listed.ValueKind is JsonValueKind.Object ? Read(listed, null) : [];
        return new(Read(body, Resources), each);
    }

    private static Dictionary<string, ResourceObservation> Read(JsonElement named, string? except) => named.EnumerateObject()
        .Where(entry => entry.Value.ValueKind is JsonValueKind.Object && entry.Name != except)
        .ToDictionary(entry => entry.Name, entry => entry.Value.Deserialize(WeirJson.Default.ResourceObservation)!);
}

/// <summary>How a kind stands in the whole fleet.</summary>
public sealed record KindInfo
{
    public string Name { get; init; } = "";

    public int Total { get; init; }

    public int Free { get; init; }

    public int Leased { get; init; }

    public int Resetting { get; init; }

    public int Quarantined { get; init; }

    public int Waiting { get; init; }

    /// <summary>All else that the server says of it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? More { get; set; }
}

internal sealed record RenewBody(long Fence, [property: JsonConverter(typeof(DurationConverter))] TimeSpan? Ttl);

internal sealed record RenewAnswer(DateTimeOffset ExpiresAt);
