using Weir.Inference.Attempts;

namespace Weir.Inference.Routing.Balancing;

/// <summary>The deployments of one order that a request may go to: those that have not failed it, that nothing keeps shut, and, where asked for, that have room.</summary>
internal readonly ref struct Candidates(DeploymentModel[] all, int from, int to, Trail trail, bool withRoom)
{
    public int From { get; } = from;

    public int To { get; } = to;

    /// <summary>Null where the one at this place is not among them.</summary>
    public DeploymentModel? At(int index) =>
        IsUsable(index) && (!withRoom || all[index].State.HasRoom) ? all[index] : null;

    /// <summary>The one at this place if it could be used but for its room; null where it could not.</summary>
    public DeploymentModel? SoundAt(int index) => IsUsable(index) ? all[index] : null;

    /// <summary>
    /// Draws one by weight, and another one where there are several. One pass: each candidate replaces the one held with a probability
    /// that makes the draw fair by weight.
    /// </summary>
    public DeploymentModel? Draw(Random random, out DeploymentModel? other)
    {
        DeploymentModel? first = null;
        other = null;
        double weights = 0;
        for (var i = From; i < To; i++)
        {
            if (At(i) is not { } candidate)
            {
                continue;
            }

            var weight = candidate.WeightNow;
            weights += weight;
            if (first is null || random.NextDouble() * weights < weight)
            {
                (first, other) = (candidate, first);
            }
            else if (other is null || random.NextDouble() * weights < weight)
            {
                other = candidate;
            }
        }

        return first;
    }

    private bool IsUsable(int index) => !trail.HasFailed(index) && all[index].State.IsOpenToAll;
}
