namespace Weir.Inference.Routing.Balancing;

/// <summary>Of two drawn by weight, the one with the smaller share of its room in use.</summary>
/// <remarks>M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.</remarks>
internal sealed class LeastBusyPolicy(Random random) : IBalancingPolicy
{
    public DeploymentModel? Pick(in Candidates candidates, ulong affinity)
    {
        var first = candidates.Draw(random, out var other);
        return first is not null && other is not null && other.LoadNow < first.LoadNow ? other : first;
    }
}
