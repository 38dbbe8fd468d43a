namespace Weir.State.Sqlite;

/// <summary>A commit, or the settling of one, on its way through the writer.</summary>
internal sealed class SqliteOperation(Commit commit, bool settle)
{
    private const int Queued = 0;
    private const int Taken = 1;
    private const int Withdrawn = 2;

    private readonly TaskCompletionSource<CommitOutcome> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _phase = Queued;
    private CommitOutcome? _outcome;
    private IReadOnlyList<Change> _changes = [];

    public Task<CommitOutcome> Answer => _answer.Task;

    public long Bytes { get; } = commit.Writes.Sum(w => 100L + (w.Body?.Length ?? 0));

    /// <summary>The writer's: from here on the commit may land.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _phase, Taken, Queued) == Queued;

    /// <summary>The caller's: from here on it cannot land.</summary>
    public bool TryWithdraw() => Interlocked.CompareExchange(ref _phase, Withdrawn, Queued) == Queued;

    public void Apply(SqliteUnit unit, DateTimeOffset now)
    {
        _changes = [];
        _outcome = settle ? unit.Settle(commit, now) : unit.Apply(commit, now, out _changes);
    }

    /// <summary>After the transaction is durable.</summary>
    public void Complete(Documents.FeedHub hub)
    {
        if (_changes.Count > 0)
            hub.Publish(commit.Partition, ((CommitOutcome.Committed)_outcome!).Revision, _changes);
        _answer.TrySetResult(_outcome!);
    }

    public void Refuse(StoreUnavailableException reason) => _answer.TrySetException(reason);

    public void Doubt(string reason) => _answer.TrySetResult(new CommitOutcome.Unknown(reason));
}
