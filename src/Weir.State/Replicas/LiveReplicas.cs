namespace Weir.State.Replicas;

/// <summary>The replicas that share the store, as one of them knows them. Immutable.</summary>
/// <param name="Ids">Who is alive, this one among them, in order.</param>
/// <param name="Recent">How many were alive within the last minute, those who are included: at least the number of <paramref name="Ids"/>.</param>
/// <param name="IsSettled">This one has been announced, without a gap, for so long that what the others did before they knew of it is over a minute ago.</param>
public sealed record LiveReplicas(IReadOnlyList<string> Ids, int Recent, bool IsSettled)
{
    public int Count => Ids.Count;

    /// <summary>Where those others are that said it, by their homes: the lasting names of replicas. This one is not among them.</summary>
    public IReadOnlyDictionary<string, Uri> Homes { get; init; } = System.Collections.Frozen.FrozenDictionary<string, Uri>.Empty;
}
