using Weir.Inference.Attempts;
using Weir.Inference.Routing.Balancing;

namespace Weir.Inference.Routing;

/// <summary>
/// Picks where a request goes: the lowest order that has room, by the route's policy; if none has, the least loaded of the lowest order,
/// to queue there; a higher order takes the overflow only where the route says so.
/// </summary>
internal sealed class DeploymentPicker
{
    private static readonly ShortestQueuePolicy Queueing = new();

    private readonly WeightedPolicy _weighted;
    private readonly LeastBusyPolicy _leastBusy;
    private readonly LatencyPolicy _latency;
    private readonly AffinityPolicy _affinity;

    public DeploymentPicker(Random random)
    {
        _weighted = new WeightedPolicy(random);
        _leastBusy = new LeastBusyPolicy(random);
        _latency = new LatencyPolicy(random);
        _affinity = new AffinityPolicy(_leastBusy);
    }

    /// <param name="route">The deployments, lowest order first.</param>
    /// <param name="trail">What this request has met so far: where it failed it is not sent again without a wait.</param>
    /// <param name="affinity">What it has in common with others, where the route goes by that; else 0.</param>
    /// <returns>Null when every deployment has failed this request, is paused or open.</returns>
    public DeploymentModel? Pick(RouteModel route, Trail trail, ulong affinity = 0)
    {
        DeploymentModel? queue = null;
        var policy = PolicyOf(route.Balance);
        var all = route.Deployments;
        for (var from = 0; from < all.Length;)
        {
            var to = EndOfOrder(all, from);
            if (policy.Pick(new Candidates(all, from, to, trail, withRoom: true), affinity) is { } free)
            {
                return free;
            }

            queue ??= Queueing.Pick(new Candidates(all, from, to, trail, withRoom: false), affinity);
            if (queue is not null && !route.Overflow)
            {
                return queue;
            }

            from = to;
        }

        return queue;
    }

    private IBalancingPolicy PolicyOf(Balance balance) => balance switch
    {
        Balance.Weighted => _weighted,
        Balance.Latency => _latency,
        Balance.Affinity => _affinity,
        _ => _leastBusy,
    };

    private static int EndOfOrder(DeploymentModel[] all, int from)
    {
        var to = from + 1;
        while (to < all.Length && all[to].Order == all[from].Order)
        {
            to++;
        }

        return to;
    }
}
