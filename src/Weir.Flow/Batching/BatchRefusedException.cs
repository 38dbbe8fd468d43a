namespace Weir.Flow.Batching;

/// <summary>The error of a member that was not taken into any batch: the queue is full, or the batcher is closed.</summary>
public sealed class BatchRefusedException(string message) : Exception(message);
