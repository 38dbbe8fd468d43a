using Weir.Leases.Documents;
using Weir.Leases.Fleet;

namespace Weir.Leases.Broker;

/// <summary>A resource picked for a lease.</summary>
/// <param name="Resource">As it was free.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Demand">The demand that it is for, by its place in the lease.</param>
internal sealed record GrantPick(Stored<ResourceRecord> Resource, FleetKind Kind, int Demand);

/// <summary>A lease about to be granted.</summary>
/// <param name="Lease">As it waits, or would.</param>
/// <param name="Expected">The version of its document; 0: there is none.</param>
/// <param name="IsStored">It waits in the store. Otherwise it is written down by its grant.</param>
/// <param name="Picks">All that it needs.</param>
internal sealed record Grant(LeaseRecord Lease, long Expected, bool IsStored, IReadOnlyList<GrantPick> Picks)
{
    public bool IsSimple { get; } = Picks.All(pick => pick.Kind.IsSimple);

    /// <summary>How long all of it together may take to be initialised, which goes on side by side.</summary>
    public TimeSpan InitialiseWithin => Picks.Max(pick => pick.Kind.Options.InitialiseWithin);

    public IReadOnlyList<LeaseHolding> Holdings() =>
    [
        .. Picks.Select(pick =>
        {
            var demand = Lease.Demands[pick.Demand];
            return new LeaseHolding(pick.Resource.Value.Id, pick.Kind.Name, demand.AskedAs ?? demand.Kind, demand.Config) { Demand = pick.Demand };
        }),
    ];
}

/// <summary>What became of a grant.</summary>
internal enum GrantEnd
{
    /// <summary>The lease is ready.</summary>
    Ready,

    /// <summary>It could not be made ready, and holds nothing.</summary>
    Failed,

    /// <summary>Another took a resource first: others may be tried.</summary>
    ResourceLost,

    /// <summary>The lease was changed by somebody else, or made, where it was new.</summary>
    LeaseLost,

    /// <summary>The store took too long over it, and did nothing.</summary>
    TooLate,
}

/// <param name="End">What became of it.</param>
/// <param name="Lease">The lease, when ready.</param>
/// <param name="Error">Why it failed.</param>
internal sealed record GrantResult(GrantEnd End, Stored<LeaseRecord>? Lease = null, LeaseError? Error = null)
{
    /// <summary>What another took: it stays spent until the feed shows what it is now.</summary>
    public IReadOnlyList<string> LostKeys { get; init; } = [];
}
