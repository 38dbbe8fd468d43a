namespace Weir.Inference.Routing.Balancing;

/// <summary>Chooses among deployments of one order. Called for every request: it keeps nothing of its own, allocates nothing and takes no lock.</summary>
internal interface IBalancingPolicy
{
    /// <param name="candidates">The deployments that may be chosen.</param>
    /// <param name="affinity">What requests that belong together have in common; 0: nothing, or not asked for by the route.</param>
    /// <returns>Null when there is none.</returns>
    DeploymentModel? Pick(in Candidates candidates, ulong affinity);
}
