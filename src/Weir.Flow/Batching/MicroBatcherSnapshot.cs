namespace Weir.Flow.Batching;

/// <summary>One consistent look at a batcher.</summary>
/// <param name="Pending">Members not yet sent.</param>
/// <param name="InFlight">Batches under way.</param>
/// <param name="Batches">Batches sent since it was made; one that was divided counts once.</param>
/// <param name="Members">Members sent in them.</param>
/// <param name="Refused">Members not taken since the queue was full or the batcher closed.</param>
public sealed record MicroBatcherSnapshot(int Pending, int InFlight, long Batches, long Members, long Refused);
