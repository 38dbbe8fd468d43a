using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Leases.Broker;

/// <summary>A lease that waits for what there can never be any more.</summary>
/// <param name="Lease">As it waits.</param>
/// <param name="Fault">What a new request for it would be told.</param>
/// <param name="Kind">The definition that rules it out, as it was seen.</param>
internal sealed record HopelessWait(Stored<LeaseRecord> Lease, LeaseError Fault, Check Kind);

/// <summary>What there can ever be of a kind, and whether a request can ever be served.</summary>
internal sealed class LeaseCapacity(FleetView view, IHomes homes, ReplicaView replicas, IServiceProvider services)
{
    // The desk stands on the view, and is asked for when it is first needed.
    private readonly Lazy<IKindDesk?> _desk = new(services.GetService<IKindDesk>);

    /// <summary>Why so many of a kind can never be had by one lease. Null: they can, in time.</summary>
    public LeaseError? FaultOf(string name, int count)
    {
        FleetKind kind;
        int there;
        lock (view.Sync)
        {
            if (view.Tables.Kinds.GetValueOrDefault(name) is not { } known)
                return LeaseErrors.KindEnded(name);
            kind = known;
            there = There(kind);
        }

        if (kind.Sort is null)
            return new LeaseError(503, LeaseErrors.Unavailable, $"This server cannot serve '{name}': it knows no such sort.");
        if (count > there)
            return there == 0 && _desk.Value?.Unable(name) is { } unable ? unable : LeaseErrors.Impossible(name, count, there);
        return QuotaFaultOf(kind, count);
    }

    /// <summary>
    /// Those who wait for what the definitions of their kinds, as they are now, rule out. What is only away for a while rules out nothing: resources that are quarantined or held back, homes that are
    /// not announced, a sort that this replica does not know.
    /// </summary>
    /// <param name="most">How many at most.</param>
    /// <param name="concerns">Which of the leases that wait are looked at.</param>
    public List<HopelessWait> HopelessWaits(int most, Func<LeaseRecord, bool> concerns)
    {
        var found = new List<HopelessWait>();
        var onHomes = new Dictionary<string, int>(StringComparer.Ordinal);
        lock (view.Sync)
        {
            foreach (var waiter in view.Tables.Line.InOrder)
            {
                if (found.Count == most)
                    break;
                if (!view.Tables.IsUnderway(waiter.Record.Id) && concerns(waiter.Record) && HopelessOf(waiter, onHomes) is { } never)
                    found.Add(never);
            }
        }

        return found;
    }

    private HopelessWait? HopelessOf(Waiter waiter, Dictionary<string, int> onHomes)
    {
        foreach (var need in waiter.Needs)
        {
            var kind = view.Tables.Kinds.GetValueOrDefault(need.Kind);
            if (DefinitionFaultOf(kind, need, waiter.Lease.Version, onHomes) is { } fault)
                return new HopelessWait(waiter.Lease, fault, new Check(LeaseDocuments.Kinds + need.Kind, kind?.Stored.Version ?? 0));
        }

        return null;
    }

    private LeaseError? DefinitionFaultOf(FleetKind? kind, KindNeed need, long since, Dictionary<string, int> onHomes)
    {
        if (kind is null)
            return LeaseErrors.KindEnded(need.Kind);
        if (kind.Sort is null)
            return null;
        return need.Count > kind.Slots && need.Count > Most(kind, since, onHomes) ? LeaseErrors.Impossible(kind.Name, need.Count, There(kind)) : QuotaFaultOf(kind, need.Count);
    }

    /// <summary>
    /// What a definition can come to. Where resources have homes, on every home that is known, there now or not; and as long as the definition is the one that a lease began to wait with, nothing is
    /// ruled out, since homes come and go.
    /// </summary>
    private int Most(FleetKind kind, long since, Dictionary<string, int> onHomes)
    {
        if (!kind.Traits.HasFlag(KindTraits.Instances))
            return kind.Slots;
        if (kind.Stored.Version < since)
            return int.MaxValue;
        if (!onHomes.TryGetValue(kind.Name, out var most))
        {
            var known = view.Tables.ResourcesOf(kind.Name).Select(resource => resource.Home).Where(home => home.Length > 0).Concat(replicas.Current.Homes.Keys).Append(homes.Own);
            onHomes.Add(kind.Name, most = kind.Slots * known.Distinct(StringComparer.Ordinal).Count());
        }

        return most;
    }

    private static LeaseError? QuotaFaultOf(FleetKind kind, int count)
    {
        if (kind.Options.Limits.PerWorker is { } perWorker && count > perWorker)
            return LeaseErrors.QuotaExceeded(kind.Name, count, perWorker, "worker");
        return kind.Options.Limits.PerKey is { } perKey && count > perKey ? LeaseErrors.QuotaExceeded(kind.Name, count, perKey, "key") : null;
    }

    /// <summary>What a definition asks for; where resources have homes, on those that are there. What an operator holds back comes again, and is waited for.</summary>
    private int There(FleetKind kind)
    {
        if (!kind.Traits.HasFlag(KindTraits.Instances))
            return kind.Slots;
        var (onHomes, ours) = (0, 0);
        foreach (var resource in view.Tables.ResourcesOf(kind.Name))
        {
            if (!kind.AsksFor(resource.Record) || resource.Record.Home is not { } home)
                continue;
            if (home == homes.Own)
                ours++;
            if (homes.IsThere(home))
                onHomes++;
        }

        // Its own are being written down in these moments, where there are none yet, unless this replica cannot have any.
        return ours > 0 || _desk.Value?.Unable(kind.Name) is not null ? onHomes : onHomes + kind.Slots;
    }
}
