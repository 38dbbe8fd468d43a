using Weir.Inference.Attempts;

namespace Weir.Inference.Routing;

/// <summary>
/// Picks where a request goes: the lowest order that has room; if none has, the least loaded of the lowest order, to queue
/// there; a higher order takes the overflow only where the route says so.
/// </summary>
internal sealed class DeploymentPicker(Random random)
{
    /// <param name="route">The deployments, lowest order first.</param>
    /// <param name="trail">What this request has met so far: where it failed it is not sent again without a wait.</param>
    /// <returns>Null when every deployment has failed this request, is paused or open.</returns>
    public DeploymentModel? Pick(RouteModel route, Trail trail)
    {
        DeploymentModel? queue = null;
        var all = route.Deployments;
        for (var from = 0; from < all.Length;)
        {
            var to = EndOfOrder(all, from);
            if (PickAmong(all, from, to, route.Balance, trail, withRoom: true) is { } free)
            {
                return free;
            }

            queue ??= PickAmong(all, from, to, Balance.LeastBusy, trail, withRoom: false);
            if (queue is not null && !route.Overflow)
            {
                return queue;
            }

            from = to;
        }

        return queue;
    }

    private static int EndOfOrder(DeploymentModel[] all, int from)
    {
        var to = from + 1;
        while (to < all.Length && all[to].Order == all[from].Order)
        {
            to++;
        }

        return to;
    }

    // One pass, no allocation: each candidate replaces the one held with a probability that makes the draw fair by weight.
    private DeploymentModel? PickAmong(DeploymentModel[] all, int from, int to, Balance balance, Trail trail, bool withRoom)
    {
        DeploymentModel? first = null, second = null;
        double weights = 0;
        for (var i = from; i < to; i++)
        {
            var candidate = all[i];
            if (trail.HasFailed(i) || !candidate.State.IsOpenToAll || (withRoom && !candidate.State.Lane.HasRoom))
            {
                continue;
            }

            if (!withRoom)
            {
                first = first is null || Load(candidate) < Load(first) ? candidate : first;
                continue;
            }

            weights += candidate.Weight;
            if (first is null || random.NextDouble() * weights < candidate.Weight)
            {
                (first, second) = (candidate, first);
            }
            else if (second is null || random.NextDouble() * weights < candidate.Weight)
            {
                second = candidate;
            }
        }

        return balance == Balance.LeastBusy && first is not null && second is not null && Load(second) < Load(first) ? second : first;
    }

    private static double Load(DeploymentModel deployment) => deployment.State.Lane.Load / deployment.Weight;
}
