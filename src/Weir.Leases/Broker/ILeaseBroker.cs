using System.Text.Json;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Broker;

/// <summary>Gives leases out and takes them back.</summary>
/// <remarks>Every method throws <see cref="State.StoreUnavailableException"/> where the store is needed and stays away until the deadline.</remarks>
public interface ILeaseBroker
{
    /// <summary>All of what is asked for, or nothing: at once, or when its turn comes.</summary>
    /// <param name="asker">Who asks.</param>
    /// <param name="request">For what.</param>
    /// <param name="cancellationToken">The client has left: what waits is dropped, what was granted is given back.</param>
    Task<LeaseAnswer> AllocateAsync(LeaseAsker asker, LeaseRequest request, CancellationToken cancellationToken);

    /// <summary>The answer to <see cref="AllocateAsync"/> could not be written: the lease ends at once, or after 30 s unless it is found again where it was keyed.</summary>
    Task AbandonAsync(string leaseId, long fence);

    /// <summary>Puts the end one ttl from now.</summary>
    /// <param name="asker">Who asks.</param>
    /// <param name="id">The lease.</param>
    /// <param name="fence">Its fence; null: whatever it is, for calls that are bound to the lease otherwise.</param>
    /// <param name="ttl">Null: the lease's own.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task<LeaseAnswer> RenewAsync(LeaseAsker asker, string id, long? fence, TimeSpan? ttl, CancellationToken cancellationToken);

    /// <summary>Gives back all of it, or some resources of it; the last one ends the lease. What has ended is released again without error.</summary>
    /// <param name="asker">Who asks.</param>
    /// <param name="id">The lease.</param>
    /// <param name="fence">As for <see cref="RenewAsync"/>.</param>
    /// <param name="resources">Null: all.</param>
    /// <param name="cancellationToken">Ends the wait, not the release.</param>
    /// <returns>Null: it is given back.</returns>
    Task<LeaseError?> ReleaseAsync(LeaseAsker asker, string id, long? fence, IReadOnlyList<string>? resources, CancellationToken cancellationToken);

    /// <summary>Initialises resources of a ready lease again, each with its config, all at once.</summary>
    /// <param name="asker">Who asks.</param>
    /// <param name="id">The lease.</param>
    /// <param name="configs">By resource id.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The lease as it is then: a holding whose initialisation failed has its <see cref="LeaseHolding.Fault"/>, and keeps its old config.</returns>
    Task<LeaseAnswer> ConfigureAsync(LeaseAsker asker, string id, IReadOnlyDictionary<string, JsonElement?> configs, CancellationToken cancellationToken);

    /// <summary>What each of its resources shows now, by resource id; all at once.</summary>
    Task<LeaseObservations> ObserveAsync(LeaseAsker asker, string id, CancellationToken cancellationToken);

    /// <summary>Uses one resource of a lease, wherever it lives, and renews the lease when a third of its ttl has passed.</summary>
    Task<KindReply> UseAsync(LeaseAsker asker, string leaseId, string resourceId, KindCall call, CancellationToken cancellationToken);

    /// <summary>A lease that the asker may see, as it is stored where this replica has not read of it: another may just have made it. Null: there is none.</summary>
    Task<Stored<LeaseRecord>?> FindAsync(LeaseAsker asker, string id, CancellationToken cancellationToken) => Task.FromResult(Find(asker, id));

    /// <summary>A lease that the asker may see, as far as this replica has read; null: it knows of none.</summary>
    Stored<LeaseRecord>? Find(LeaseAsker asker, string id);

    /// <summary>Where a lease stands in the order of all who wait, from 1. Null: it does not wait.</summary>
    int? PositionOf(string id);
}

/// <summary>Who asks for something of a lease.</summary>
/// <param name="Tenant">Whose leases it sees.</param>
/// <param name="KeyId">Whose quota counts.</param>
/// <param name="IsAdmin">Sees and ends the leases of all.</param>
public sealed record LeaseAsker(string Tenant, string KeyId, bool IsAdmin)
{
    /// <summary>0 to 9; who asks for more gets this.</summary>
    public int MaxPriority { get; init; } = 9;

    /// <summary>Whether the key may lease a kind. Null: every kind.</summary>
    public Func<string, bool>? MayUseKind { get; init; }
}

/// <summary>What is asked for.</summary>
public sealed record LeaseRequest
{
    /// <summary>1 to 200 printable characters.</summary>
    public required string WorkerId { get; init; }

    /// <summary>At least one; at most 256 resources in all. <see cref="LeaseDemand.Kind"/> may be an alias.</summary>
    public required IReadOnlyList<LeaseDemand> Demands { get; init; }

    /// <summary>1 s to 24 h.</summary>
    public TimeSpan Ttl { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>0 to 24 h; zero: now or never.</summary>
    public TimeSpan Wait { get; init; } = TimeSpan.FromSeconds(60);

    public int Priority { get; init; } = 5;

    /// <summary>At most 32, of at most 64 and 256 characters.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The same key of the same API key finds the same lease. Null: each request is another.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Answer at once, and let it wait by itself.</summary>
    public bool Asynchronous { get; init; }

    /// <summary>A resource that cannot be initialised is told in its holding, and the lease stands. Default: the whole lease is given back.</summary>
    public bool KeepPartial { get; init; }

    /// <summary>Told the lease's id once it stands in the order of those who wait, at most once; must not block. Null: nobody asks.</summary>
    public Action<string>? OnWaiting { get; init; }
}

/// <summary>A lease, or why there is none.</summary>
/// <param name="Lease">Null: there is none.</param>
/// <param name="Error">Null: there is one.</param>
public sealed record LeaseAnswer(Stored<LeaseRecord>? Lease, LeaseError? Error)
{
    /// <summary>Found by its idempotency key, made by an earlier request.</summary>
    public bool WasThere { get; init; }

    public static implicit operator LeaseAnswer(LeaseError error) => new(null, error);
}

/// <summary>What the resources of a lease show.</summary>
/// <param name="ByResource">One entry for each resource that has something to show, or could not be looked at.</param>
/// <param name="Error">Null unless there is no such lease.</param>
public sealed record LeaseObservations(IReadOnlyDictionary<string, KindResult<Observation?>> ByResource, LeaseError? Error);
