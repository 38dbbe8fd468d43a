using Weir.State;

namespace Weir.Leases.Fleet;

/// <summary>For whatever answers from the view alone: just after a start it would say that there is nothing.</summary>
public static class KnownFleet
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    /// <summary>Waits for the first snapshot of the feed, up to 10 s.</summary>
    /// <exception cref="StoreUnavailableException">It did not come.</exception>
    public static async ValueTask KnownAsync(this IFleetView view, CancellationToken cancellationToken)
    {
        if (!await view.IsKnownSoonAsync(cancellationToken))
            throw new StoreUnavailableException("The state store did not answer in time: the leases have not been read yet.");
    }

    /// <summary>The same. False: it did not come.</summary>
    public static async ValueTask<bool> IsKnownSoonAsync(this IFleetView view, CancellationToken cancellationToken) =>
        // Every snapshot is of revision 0 or later.
        view.IsKnown || await view.WhenAsync(0, Within, cancellationToken);
}
