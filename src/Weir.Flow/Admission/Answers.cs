namespace Weir.Flow.Admission;

/// <summary>Waiters whose answers were decided under the lock, to be told in that order once it is left. Never copied.</summary>
internal struct Answers
{
    private Waiter? _first;
    private Waiter? _last;

    public void Add(Waiter waiter, in AdmissionResult answer)
    {
        waiter.Answer = answer;
        if (_last is null)
            _first = waiter;
        else
            _last.NextAnswered = waiter;
        _last = waiter;
    }

    public readonly void Tell()
    {
        for (var waiter = _first; waiter is not null; waiter = waiter.NextAnswered)
            waiter.SetResult(waiter.Answer);
    }
}
