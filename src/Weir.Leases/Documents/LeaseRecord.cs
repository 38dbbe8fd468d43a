using System.Text.Json;

namespace Weir.Leases.Documents;

/// <summary>Where a lease stands. It only ever moves forward.</summary>
public enum LeaseState
{
    /// <summary>Nobody could serve it at once: it stands in the one order of all who wait.</summary>
    Waiting,

    /// <summary>Its resources are its own, and are being initialised.</summary>
    Granted,

    /// <summary>In use until its end.</summary>
    Ready,

    /// <summary>Given back.</summary>
    Released,

    /// <summary>Taken back at its end.</summary>
    Expired,

    /// <summary>Never became ready: the wait ended, its client left, or a resource could not be initialised.</summary>
    Failed,
}

/// <summary>A lease as it is stored, from its first wait until it is forgotten some time after its end.</summary>
public sealed record LeaseRecord
{
    private const int MostReturned = 256;
    private const int MostTaken = 32;

    public required string Id { get; init; }

    /// <summary>Whom it belongs to.</summary>
    public required string Tenant { get; init; }

    /// <summary>The key that asked for it, and is alone shown its tokens.</summary>
    public required string KeyId { get; init; }

    public required string WorkerId { get; init; }

    public required LeaseState State { get; init; }

    /// <summary>0 to 9, 9 first.</summary>
    public required int Priority { get; init; }

    /// <summary>How long it holds from when it is ready, and from each renewal that names no other time.</summary>
    public required TimeSpan Ttl { get; init; }

    /// <summary>The run of the replica that holds its client's connection, and initialises it. Null: nobody waits on a connection, and any replica may grant it.</summary>
    public string? Replica { get; init; }

    /// <summary>What was asked for, one entry for each kind and configuration.</summary>
    public required IReadOnlyList<LeaseDemand> Demands { get; init; }

    /// <summary>What it holds, or held last.</summary>
    public IReadOnlyList<LeaseHolding> Holdings { get; init; } = [];

    /// <summary>The ids of what it gave back, or was taken from it, before its end, the latest 256: giving them back again is no error.</summary>
    public IReadOnlyList<string> Returned { get; init; } = [];

    /// <summary>Of those, what was taken from it, and why; the latest 32.</summary>
    public IReadOnlyList<TakenResource> Taken { get; init; } = [];

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>Store time.</summary>
    public required DateTimeOffset AskedAt { get; init; }

    public DateTimeOffset? GrantedAt { get; init; }

    public DateTimeOffset? ReadyAt { get; init; }

    /// <summary>In store time: when a wait is over, an initialisation counts as hung, a ready lease expires; of an ended lease, when it ended.</summary>
    public required DateTimeOffset EndsAt { get; init; }

    /// <summary>The revision of the grant. Null while the record is the grant's own, whose version is the fence; see <see cref="FenceOf"/>.</summary>
    public long? Fence { get; init; }

    /// <summary>Why it failed, expired or was released, for people; before that, why it holds less than it was granted. Null: it has all.</summary>
    public string? Reason { get; init; }

    /// <summary>The code of the error that a failed lease is answered with. Null: it has not failed.</summary>
    public string? FailureCode { get; init; }

    /// <summary>A resource that cannot be initialised is told in its holding, and the lease stands.</summary>
    public bool KeepPartial { get; init; }

    /// <summary>SHA-256 of the request, of a lease whose id comes from an idempotency key. Null: it had none.</summary>
    public string? Digest { get; init; }

    /// <summary>With resources that it holds no more; so many of the last ones are remembered.</summary>
    public LeaseRecord Returning(IEnumerable<string> resources) => this with { Returned = [.. Returned.Concat(resources).TakeLast(MostReturned)] };

    /// <summary>Without a resource that was taken from it.</summary>
    public LeaseRecord Losing(TakenResource taken) =>
        Returning([taken.Resource]) with { Taken = [.. Taken.Append(taken).TakeLast(MostTaken)], Holdings = [.. Holdings.Where(holding => holding.Resource != taken.Resource)], Reason = taken.Reason };

    /// <param name="version">The version of the document that holds this record.</param>
    public long FenceOf(long version) => Fence ?? (Holdings.Count > 0 ? version : 0);

    /// <summary>It held a resource, and does not any more, as far as it is remembered: giving that back again is no error.</summary>
    public bool GaveBack(string resource) =>
        Returned.Contains(resource) || (HasEnded && Holdings.Any(holding => holding.Resource == resource));

    public bool HasEnded => State is LeaseState.Released or LeaseState.Expired or LeaseState.Failed;
}

/// <summary>A resource that was taken from a lease that goes on.</summary>
/// <param name="Resource">Its id.</param>
/// <param name="Code">Of the error that whoever uses it is told.</param>
/// <param name="Reason">A sentence without its stop, for the lease's holder.</param>
public sealed record TakenResource(string Resource, string Code, string Reason);

/// <summary>So many resources of one kind.</summary>
/// <param name="Kind">The kind's name; aliases are resolved before.</param>
/// <param name="Count">At least 1.</param>
/// <param name="Config">What the kind initialises each of them with. Null: its defaults.</param>
public sealed record LeaseDemand(string Kind, int Count, JsonElement? Config)
{
    /// <summary>The name that the client used for the kind. Null: the kind's own.</summary>
    public string? AskedAs { get; init; }
}

/// <summary>One resource of a lease.</summary>
/// <param name="Resource">Its id.</param>
/// <param name="Kind">Its kind's name.</param>
/// <param name="AskedAs">The name that the client used for the kind: an alias, or the same.</param>
/// <param name="Config">What it was initialised with last.</param>
public sealed record LeaseHolding(string Resource, string Kind, string AskedAs, JsonElement? Config)
{
    /// <summary>The demand that it was granted for, by its place in the lease, and whose config it has. Null: it has been given another config since.</summary>
    public int? Demand { get; init; }

    /// <summary>What was made for it after the grant, where nothing stood behind it: it goes to the resource's document when the lease ends. Null: nothing.</summary>
    public ResourceInstance? Instance { get; init; }

    /// <summary>What the kind told about it when it was initialised. Null: nothing, or not initialised yet.</summary>
    public JsonElement? Details { get; init; }

    /// <summary>Why the last initialisation failed, where the lease goes on without it. Null: it did not.</summary>
    public string? Fault { get; init; }
}
