namespace Weir.Inference.Routing.Balancing;

/// <summary>By weight alone.</summary>
internal sealed class WeightedPolicy(Random random) : IBalancingPolicy
{
    public DeploymentModel? Pick(in Candidates candidates, ulong affinity) => candidates.Draw(random, out _);
}
