namespace Weir.Tests.Support;

/// <summary>
/// Time that moves only when a test says so. Both clocks start together; <see cref="Advance"/> moves both,
/// <see cref="JumpUtc"/> only the calendar one, as an operator or NTP does.
/// </summary>
/// <remarks>
/// Timers fire on the thread that advances, in order of their due times (then of arming), each seeing the time it was due at.
/// A timer armed with zero fires on the thread pool without any advance, as a real one does.
/// </remarks>
public sealed class ManualTimeProvider : TimeProvider
{
    private readonly Lock _sync = new();
    private readonly SortedSet<ManualTimer> _armed = new(DueOrder.Instance);
    private readonly List<(int Count, TaskCompletionSource Signal)> _expectations = [];
    private DateTimeOffset _utcAtZero;
    private long _ticks;
    private long _armings;

    public ManualTimeProvider()
        : this(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
    }

    public ManualTimeProvider(DateTimeOffset start) => _utcAtZero = start.ToUniversalTime();

    /// <summary>One unit is 100 ns.</summary>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>What was advanced since construction.</summary>
    public TimeSpan Elapsed => new(GetTimestamp());

    /// <summary>How many timers will fire when time moves on.</summary>
    public int ArmedTimers
    {
        get
        {
            lock (_sync)
                return _armed.Count;
        }
    }

    /// <summary>How long until the next timer fires; null when none is armed.</summary>
    public TimeSpan? NextTimer
    {
        get
        {
            lock (_sync)
                return _armed.Min is { } next ? new TimeSpan(next.Due - _ticks) : null;
        }
    }

    public override long GetTimestamp()
    {
        lock (_sync)
            return _ticks;
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_sync)
            return _utcAtZero.AddTicks(_ticks);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves both clocks forward and fires what comes due on the way, also what such timers arm anew.</summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        long target;
        lock (_sync)
            target = _ticks + by.Ticks;
        while (true)
        {
            ManualTimer timer;
            lock (_sync)
            {
                if (_armed.Min is not { } next || next.Due > target)
                {
                    _ticks = Math.Max(_ticks, target);
                    return;
                }
                timer = next;
                _armed.Remove(timer);
                _ticks = Math.Max(_ticks, timer.Due);
                if (timer.Period > 0)
                    Arm(timer, timer.Due + timer.Period);
            }
            timer.Fire();
        }
    }

    /// <summary>Moves only the calendar clock, forwards or backwards: timers and timestamps do not notice.</summary>
    public void JumpUtc(TimeSpan by)
    {
        lock (_sync)
            _utcAtZero += by;
    }

    /// <summary>
    /// Ends once at least <paramref name="count"/> timers are armed: the signal that a background loop has come to its wait,
    /// so that advancing will reach it.
    /// </summary>
    public Task WhenArmedAsync(int count = 1)
    {
        lock (_sync)
        {
            if (_armed.Count >= count)
                return Task.CompletedTask;
            var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _expectations.Add((count, signal));
            return signal.Task;
        }
    }

    private void Arm(ManualTimer timer, long due)
    {
        timer.Due = due;
        timer.Arming = ++_armings;
        _armed.Add(timer);
        for (var i = _expectations.Count - 1; i >= 0; i--)
        {
            if (_armed.Count < _expectations[i].Count)
                continue;
            _expectations[i].Signal.TrySetResult();
            _expectations.RemoveAt(i);
        }
    }

    private sealed class DueOrder : IComparer<ManualTimer>
    {
        public static readonly DueOrder Instance = new();

        public int Compare(ManualTimer? x, ManualTimer? y) =>
            x!.Due != y!.Due ? x.Due.CompareTo(y.Due) : x.Arming.CompareTo(y.Arming);
    }

    private sealed class ManualTimer(ManualTimeProvider owner, TimerCallback callback, object? state) : ITimer
    {
        private bool _disposed;

        public long Due { get; set; }

        public long Period { get; private set; }

        /// <summary>Breaks ties, and keeps the order strict.</summary>
        public long Arming { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (owner._sync)
            {
                if (_disposed)
                    return false;
                owner._armed.Remove(this);
                Period = period > TimeSpan.Zero ? period.Ticks : 0;
                if (dueTime < TimeSpan.Zero)
                    return true;
                if (dueTime > TimeSpan.Zero)
                {
                    owner.Arm(this, owner._ticks + dueTime.Ticks);
                    return true;
                }
                if (Period > 0)
                    owner.Arm(this, owner._ticks + Period);
            }
            ThreadPool.UnsafeQueueUserWorkItem(static timer => timer.Fire(), this, preferLocal: false);
            return true;
        }

        public void Dispose()
        {
            lock (owner._sync)
            {
                _disposed = true;
                owner._armed.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
