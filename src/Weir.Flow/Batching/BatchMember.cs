namespace Weir.Flow.Batching;

/// <summary>One submission: pending while its node is in the list, then in its batch.</summary>
internal sealed class BatchMember<TItem, TResult> : TaskCompletionSource<BatchOutcome<TResult>>
{
    public BatchMember(TItem item, long weight, long since)
        : base(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        Item = item;
        Weight = weight;
        Since = since;
        Node = new LinkedListNode<BatchMember<TItem, TResult>>(this);
    }

    public TItem Item { get; }

    public long Weight { get; }

    public long Since { get; }

    public LinkedListNode<BatchMember<TItem, TResult>> Node { get; }

    /// <summary>Null until it is sent.</summary>
    public Batch<TItem, TResult>? Batch { get; set; }

    public bool IsGone => Task.IsCompleted;
}

/// <summary>Members that were sent together. Its token source has neither timer nor link, so there is nothing in it to dispose.</summary>
internal sealed class Batch<TItem, TResult>(BatchMember<TItem, TResult>[] members)
{
    private int _present = members.Length;

    public BatchMember<TItem, TResult>[] Members => members;

    /// <summary>Cancelled once nobody waits for any of it.</summary>
    public CancellationToken Abandoned => Source.Token;

    private CancellationTokenSource Source { get; } = new();

    public void Answer(BatchMember<TItem, TResult> member, in BatchOutcome<TResult> outcome)
    {
        if (member.TrySetResult(outcome))
            Interlocked.Decrement(ref _present);
    }

    public void Leave(BatchMember<TItem, TResult> member, CancellationToken cancellationToken)
    {
        if (member.TrySetCanceled(cancellationToken) && Interlocked.Decrement(ref _present) == 0)
            Source.Cancel();
    }
}
