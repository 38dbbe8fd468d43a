using Weir.Inference.Caching;

namespace Weir.Inference.Coalescing;

/// <summary>
/// One piece of work and all who wait for it. It belongs to them together: whoever leaves, be it the first, leaves alone, and the work
/// ends with the last. One of them at a time owns it, the first of those present: the work is charged to that one.
/// </summary>
internal sealed class Flight(AnswerKey key)
{
    private readonly List<Follower> _present = [];
    private readonly HashSet<AnswerKey> _keepFor = [];
    private readonly TaskCompletionSource<InferenceError?> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isCharged;

    public AnswerKey Key { get; } = key;

    public FollowedAnswer Answer { get; } = new();

    /// <summary>The work's own.</summary>
    public InferenceReport Report { get; } = new();

    /// <summary>Cancelled once nobody waits. It has neither timer nor link, so there is nothing in it to dispose.</summary>
    public CancellationTokenSource Abandoned { get; } = new();

    /// <summary>Ends with the work, after all is in its place: what error there was, none where an answer was begun.</summary>
    public Task<InferenceError?> Done => _done.Task;

    public void Land(InferenceError? error)
    {
        Answer.End();
        _done.SetResult(error);
    }

    public void Crash(Exception fault)
    {
        Answer.Abort();
        Answer.End();
        _done.SetException(fault);
        // All may have left: nobody is there to see it.
        _ = _done.Task.Exception;
    }

    /// <summary>The keys under which the answer is to be kept. Under the table's lock, as is all that follows.</summary>
    public IReadOnlyCollection<AnswerKey> KeepFor => _keepFor;

    /// <summary>Null: the answer has grown too long to be followed from its beginning.</summary>
    public Follower? TryJoin(AnswerKey? keepFor)
    {
        if (Answer.TryFollow() is not { } follower)
        {
            return null;
        }

        _present.Add(follower);
        if (keepFor is { } key)
        {
            _keepFor.Add(key);
        }

        return follower;
    }

    /// <summary>Whoever leaves first of those who own the work once it is done is charged for it; until then nobody is.</summary>
    public Departure Leave(Follower follower)
    {
        Answer.Leave(follower);
        var isOwner = _present[0] == follower;
        _present.Remove(follower);
        var isLast = _present.Count == 0;
        var pays = isOwner && !_isCharged && (isLast || Done.IsCompleted);
        _isCharged |= pays;
        return new Departure(isLast && !Done.IsCompleted, pays);
    }
}

/// <summary>What it means that one of a flight leaves.</summary>
/// <param name="Abandons">Nobody waits for the work any more.</param>
/// <param name="Pays">The work is charged to the one who leaves.</param>
internal readonly record struct Departure(bool Abandons, bool Pays);
