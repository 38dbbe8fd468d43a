namespace Weir.Inference.Routing.Balancing;

/// <summary>
/// Sends requests that belong together to one deployment, so that its prompt cache has what they share, and to the next in their order where
/// the first has more than 1.25 times its share of the load. A deployment that comes or goes moves only the requests that are its own.
/// </summary>
/// <remarks>
/// Weighted rendezvous hashing: D. Thaler, C. Ravishankar, 1998; weights after C. Schindelhauer, G. Schomaker, 2005: −w / ln(u).
/// Bounded load: V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016.
/// </remarks>
internal sealed class AffinityPolicy(IBalancingPolicy whereNothingIsShared) : IBalancingPolicy
{
    public const double MostOfMean = 1.25;

    public DeploymentModel? Pick(in Candidates candidates, ulong affinity)
    {
        if (affinity == 0)
        {
            return whereNothingIsShared.Pick(candidates, affinity);
        }

        var allowed = AllowedPerWeight(candidates);
        DeploymentModel? best = null, crowded = null;
        double score = double.NegativeInfinity, crowdedScore = double.NegativeInfinity;
        for (var i = candidates.From; i < candidates.To; i++)
        {
            if (candidates.At(i) is not { } candidate)
            {
                continue;
            }

            var weight = candidate.WeightNow;
            var own = ScoreOf(candidate, weight, affinity);
            if (Busy(candidate) + 1 <= Math.Ceiling(allowed * weight))
            {
                (best, score) = own > score ? (candidate, own) : (best, score);
            }
            else
            {
                (crowded, crowdedScore) = own > crowdedScore ? (candidate, own) : (crowded, crowdedScore);
            }
        }

        // Those within their share may be those without room.
        return best ?? crowded;
    }

    // The mean counts those without room too: they carry their part of the load.
    private static double AllowedPerWeight(in Candidates candidates)
    {
        double load = 1, weights = 0;
        for (var i = candidates.From; i < candidates.To; i++)
        {
            if (candidates.SoundAt(i) is { } candidate)
            {
                load += Busy(candidate);
                weights += candidate.WeightNow;
            }
        }

        return weights == 0 ? 0 : MostOfMean * load / weights;
    }

    private static int Busy(DeploymentModel deployment) => deployment.State.Lane.InFlight + deployment.State.Lane.Queued;

    private static double ScoreOf(DeploymentModel deployment, double weight, ulong affinity)
    {
        // Between 0 and 1, neither of them.
        var unit = ((StableHash.Mix(affinity ^ deployment.Identity) >> 11) + 0.5) * (1.0 / (1UL << 53));
        return -weight / Math.Log(unit);
    }
}
