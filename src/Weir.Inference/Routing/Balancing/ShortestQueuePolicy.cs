namespace Weir.Inference.Routing.Balancing;

/// <summary>The least loaded of all: where nobody has room, this is where to wait.</summary>
internal sealed class ShortestQueuePolicy : IBalancingPolicy
{
    public DeploymentModel? Pick(in Candidates candidates, ulong affinity)
    {
        DeploymentModel? least = null;
        var load = double.PositiveInfinity;
        for (var i = candidates.From; i < candidates.To; i++)
        {
            if (candidates.At(i) is { } candidate && (least is null || candidate.LoadNow < load))
            {
                (least, load) = (candidate, candidate.LoadNow);
            }
        }

        return least;
    }
}
