using Weir.Leases.Fleet;

namespace Weir.Leases.Broker;

/// <summary>What there is of a kind, and how many wait for it.</summary>
internal readonly record struct KindSupply(string Kind, int Free, int Waiting);

/// <summary>
/// Who is served of what is free: in order, each who can have all that it needs. One who cannot keeps what is free of what it needs from all who come later, so that
/// nobody who needs much waits for ever behind those who need little.
/// </summary>
internal static class LeasePlan
{
    /// <param name="order">All who wait, in their order.</param>
    /// <param name="supplies">Each kind that somebody waits for.</param>
    /// <param name="counts">Whether a waiter can be served at all now; one who cannot, for a reason of its own, keeps nothing from others. Asked once for each, when its turn comes.</param>
    /// <returns>Those who are served, one after the other; nothing beyond the last of them is looked at before it is asked for.</returns>
    public static IEnumerable<Waiter> Of(IEnumerable<Waiter> order, IEnumerable<KindSupply> supplies, Func<Waiter, bool> counts)
    {
        var left = supplies.ToDictionary(supply => supply.Kind, supply => (supply.Free, supply.Waiting), StringComparer.Ordinal);
        var open = left.Values.Count(supply => supply is { Free: > 0, Waiting: > 0 });
        foreach (var waiter in order)
        {
            if (open == 0)
                yield break;
            var takes = counts(waiter);
            var served = takes;
            foreach (var need in waiter.Needs)
            {
                var (free, waiting) = left[need.Kind];
                served &= free >= need.Count;
                var after = (Free: takes ? Math.Max(0, free - need.Count) : free, Waiting: waiting - 1);
                left[need.Kind] = after;
                if (free > 0 && after is not { Free: > 0, Waiting: > 0 })
                    open--;
            }

            if (served)
                yield return waiter;
        }
    }

    /// <summary>Whether one who comes now may be served before it is written down: when enough is left by all before it.</summary>
    /// <param name="arrival">Who comes.</param>
    /// <param name="free">How many of a kind are free.</param>
    /// <param name="waiting">Those who wait for a kind, in their order.</param>
    /// <param name="counts">As for <see cref="Of"/>.</param>
    public static bool MayGoFirst(Waiter arrival, Func<string, int> free, Func<string, IEnumerable<Waiter>> waiting, Func<Waiter, bool> counts)
    {
        foreach (var need in arrival.Needs)
        {
            var left = free(need.Kind);
            foreach (var waiter in waiting(need.Kind))
            {
                if (left < need.Count || WaiterOrder.Instance.Compare(waiter, arrival) > 0)
                    break;
                if (counts(waiter))
                    left -= waiter.Need(need.Kind);
            }

            if (left < need.Count)
                return false;
        }

        return true;
    }
}
