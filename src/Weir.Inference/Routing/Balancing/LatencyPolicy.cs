namespace Weir.Inference.Routing.Balancing;

/// <summary>Of two drawn by weight, the one that is expected to answer sooner: its peak latency times what it already works on.</summary>
internal sealed class LatencyPolicy(Random random) : IBalancingPolicy
{
    // One that was never measured is tried, by one request at a time.
    private static readonly TimeSpan Unmeasured = PeakLatency.Penalty;

    public DeploymentModel? Pick(in Candidates candidates, ulong affinity)
    {
        var first = candidates.Draw(random, out var other);
        return first is not null && other is not null && Cost(other) < Cost(first) ? other : first;
    }

    private static double Cost(DeploymentModel deployment)
    {
        var lane = deployment.State.Lane;
        var busy = lane.InFlight + lane.Queued;
        var seconds = deployment.State.Latency.Seconds;
        var expected = seconds > 0 || busy == 0 ? seconds : Unmeasured.TotalSeconds;
        return expected * (busy + 1) / deployment.WeightNow;
    }
}
