namespace Weir.Inference.Attempts;

/// <summary>
/// The one clock of an attempt: at any moment a single bound is armed, the nearest of the phase's own, the attempt's total and
/// the request's deadline. It also ends when the client leaves. One that nothing can hold any more serves another attempt.
/// </summary>
internal sealed class AttemptClock : IDisposable
{
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _source;
    private readonly AttemptClocks _pool;
    private CancellationTokenRegistration _client;
    private CancellationToken _clientGone;
    private long _started;
    private TimeSpan _deadline;
    private TimeSpan _total;
    private Bound _armed;
    private bool _isFree = true;

    /// <param name="time">The source of time.</param>
    /// <param name="pool">Where it goes when its attempt is over.</param>
    public AttemptClock(TimeProvider time, AttemptClocks pool)
    {
        _time = time;
        _pool = pool;
        _source = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
    }

    private enum Bound
    {
        None,
        Phase,
        Deadline,
    }

    public CancellationToken Token => _source.Token;

    public TimeSpan Elapsed => _time.GetElapsedTime(_started);

    /// <summary>The request has been sent whole: nothing holds <see cref="Token"/> beyond the attempt.</summary>
    public bool IsSent { get; set; }

    /// <summary>Begins an attempt.</summary>
    /// <param name="deadline">What is left of the request's deadline.</param>
    /// <param name="clientGone">Cancelled when the client leaves.</param>
    public void Begin(TimeSpan deadline, CancellationToken clientGone)
    {
        (_isFree, IsSent, _armed) = (false, false, Bound.None);
        _deadline = deadline;
        _total = Timeout.InfiniteTimeSpan;
        _started = _time.GetTimestamp();
        _clientGone = clientGone;
        _client = clientGone.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    /// <summary>Bounds everything from here to the end of the attempt.</summary>
    public void SetTotal(TimeSpan total) => _total = total;

    /// <summary>Bounds what comes next, by <paramref name="phase"/> and by whatever else ends sooner.</summary>
    public void Arm(TimeSpan phase)
    {
        var elapsed = Elapsed;
        var left = Nearest(phase, _total == Timeout.InfiniteTimeSpan ? _total : Max(_total - elapsed, TimeSpan.Zero));
        var deadline = Max(_deadline - elapsed, TimeSpan.Zero);
        _armed = left == Timeout.InfiniteTimeSpan || deadline < left ? Bound.Deadline : Bound.Phase;
        Start(_armed == Bound.Deadline ? deadline : left);
    }

    /// <summary>Bounds one silence of a stream that has begun: the deadline no longer counts.</summary>
    public void ArmSilence(TimeSpan idle)
    {
        _armed = Bound.Phase;
        Start(idle);
    }

    /// <summary>Nothing but the client's leaving ends what comes next.</summary>
    public void Disarm()
    {
        _armed = Bound.None;
        _source.CancelAfter(Timeout.InfiniteTimeSpan);
    }

    /// <summary>Why the token was cancelled.</summary>
    public FailureClass Cause => _clientGone.IsCancellationRequested ? FailureClass.Cancelled
        : _armed == Bound.Deadline ? FailureClass.Deadline
        : FailureClass.Timeout;

    public void Dispose()
    {
        if (_isFree)
        {
            return;
        }

        _isFree = true;
        // Waits for a cancellation under way.
        _client.Dispose();
        if (IsSent && _source.TryReset())
        {
            _pool.Return(this);
            return;
        }

        Discard();
    }

    /// <summary>What is still being sent for an attempt that is over ends here.</summary>
    public void Discard()
    {
        _source.Cancel();
        _source.Dispose();
    }

    private void Start(TimeSpan bound)
    {
        if (bound <= TimeSpan.Zero)
        {
            _source.Cancel();
        }
        else
        {
            _source.CancelAfter(bound);
        }
    }

    private static TimeSpan Nearest(TimeSpan a, TimeSpan b) =>
        a == Timeout.InfiniteTimeSpan ? b : b == Timeout.InfiniteTimeSpan || a < b ? a : b;

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
