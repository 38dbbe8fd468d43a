using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;

namespace Weir.Leases.Broker;

/// <summary>What there can ever be of a kind, and whether a request can ever be served.</summary>
internal sealed class LeaseCapacity(FleetView view, IHomes homes, IServiceProvider services)
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
                return LeaseErrors.UnknownKind(name, []);
            kind = known;
            there = There(kind);
        }

        if (kind.Sort is null)
            return new LeaseError(503, LeaseErrors.Unavailable, $"This server cannot serve '{name}': it knows no such sort.");
        if (count > there)
            return there == 0 && _desk.Value?.Unable(name) is { } unable ? unable : LeaseErrors.Impossible(name, count, there);
        if (kind.Options.Limits.PerWorker is { } perWorker && count > perWorker)
            return LeaseErrors.QuotaExceeded(name, count, perWorker, "worker");
        return kind.Options.Limits.PerKey is { } perKey && count > perKey ? LeaseErrors.QuotaExceeded(name, count, perKey, "key") : null;
    }

    /// <summary>What a definition asks for and no operator holds back; where resources have homes, on those that are there.</summary>
    private int There(FleetKind kind)
    {
        // Asked for with each request, and so not by counting what may be thousands.
        if (!kind.Traits.HasFlag(KindTraits.Instances))
            return kind.Slots - view.Tables.HeldOf(kind.Name).Count(resource => kind.AsksFor(resource.Record));
        var (onHomes, ours) = (0, 0);
        foreach (var resource in view.Tables.ResourcesOf(kind.Name))
        {
            if (!kind.AsksFor(resource.Record) || resource.Record.Home is not { } home)
                continue;
            if (home == homes.Own)
                ours++;
            if (homes.IsThere(home) && !resource.Record.Held)
                onHomes++;
        }

        // Its own are being written down in these moments, where there are none yet, unless this replica cannot have any.
        return ours > 0 || _desk.Value?.Unable(kind.Name) is not null ? onHomes : onHomes + kind.Slots;
    }
}
