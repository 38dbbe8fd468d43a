namespace Weir.Inference.Batches.Execution;

/// <summary>What a batch under way is told from outside.</summary>
/// <param name="stopping">The server stops: no new lines.</param>
/// <param name="cut">Its time to end lines under way is over.</param>
internal sealed class BatchSignals(CancellationToken stopping, CancellationToken cut) : IDisposable
{
    private readonly CancellationTokenSource _cancelled = new();

    /// <summary>The batch was cancelled: no new lines, and the rest is reported as cancelled.</summary>
    public CancellationToken Cancelled => _cancelled.Token;

    public CancellationToken Stopping => stopping;

    public CancellationToken Cut => cut;

    public void Cancel() => _cancelled.Cancel();

    public void Dispose() => _cancelled.Dispose();
}
