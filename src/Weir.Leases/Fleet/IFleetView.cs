using Weir.Leases.Documents;

namespace Weir.Leases.Fleet;

/// <summary>A stored record with the version of its document.</summary>
public sealed record Stored<T>(T Value, long Version);

/// <summary>The kinds, resources and leases of the fleet, as this replica has read them; only the feed changes it.</summary>
public interface IFleetView
{
    /// <summary>The feed has been read to its first snapshot.</summary>
    bool IsKnown { get; }

    /// <summary>The revision up to which the feed has been read.</summary>
    long Revision { get; }

    /// <summary>By name or alias. Null: there is none.</summary>
    Stored<KindRecord>? Kind(string nameOrAlias);

    Stored<ResourceRecord>? Resource(string id);

    Stored<LeaseRecord>? Lease(string id);

    /// <summary>Copies, in the order of their names or ids.</summary>
    IReadOnlyList<Stored<KindRecord>> Kinds { get; }

    /// <param name="kind">Only of this kind. Null: all.</param>
    IReadOnlyList<Stored<ResourceRecord>> Resources(string? kind = null);

    /// <summary>Those of one worker of a tenant that have not ended.</summary>
    IReadOnlyList<Stored<LeaseRecord>> LeasesOf(string tenant, string workerId);

    IReadOnlyList<Stored<LeaseRecord>> Leases { get; }

    /// <summary>Called after each step of the feed, on the thread that reads it; must not block.</summary>
    event Action? Changed;

    /// <returns>False: the time was up before the feed had been read so far.</returns>
    ValueTask<bool> WhenAsync(long revision, TimeSpan within, CancellationToken cancellationToken);
}
