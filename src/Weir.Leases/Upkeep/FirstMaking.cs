using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Upkeep.Slots;

namespace Weir.Leases.Upkeep;

/// <summary>
/// Just after a start there are definitions without resources, or not even those. Whoever is shown kinds then waits a moment, so that a fleet which is being made does
/// not look like an empty one.
/// </summary>
internal sealed class FirstMaking(IFleetView view, ConfiguredKinds configured, KnownKinds kinds, AbleKinds able, IHomes homes, UpkeepLimits limits, TimeProvider time)
{
    // What a replica is able to have is not told by the feed, which is what is waited for.
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(20);

    private volatile bool _isOver;

    /// <summary>Waits until the configured kinds and this replica's part of the resources have been there once, up to <see cref="UpkeepLimits.ShownWithin"/>.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        if (_isOver)
            return;
        var began = time.GetTimestamp();
        while (!IsOver() && limits.ShownWithin - time.GetElapsedTime(began) is var left && left > TimeSpan.Zero)
            await view.WhenAsync(view.Revision + 1, left < Between ? left : Between, cancellationToken).ConfigureAwait(false);
    }

    private bool IsOver()
    {
        if (!view.IsKnown)
            return false;
        var scene = kinds.Look();
        return _isOver = configured.Options.Keys.All(name => scene.IsStored(name) || configured.Faults.ContainsKey(name)) && scene.All.All(IsMade);
    }

    private bool IsMade(KnownKind kind) =>
        (!kind.HasInstances || able.IsAble(kind) is not null)
        && SlotPlan.Asked(kind, homes.Own, able.IsAble).All(record => view.Resource(record.Id) is not null);
}
