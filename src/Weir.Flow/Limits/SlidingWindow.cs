namespace Weir.Flow.Limits;

/// <summary>
/// Never more than a limit within <em>any</em> window of the given length, not only within calendar minutes. Safe from any thread.
/// </summary>
/// <remarks>
/// What was taken is kept in a ring of buckets, each as wide as a 600th of the window and expiring one window after the last take
/// it holds. Memory is therefore bounded whatever the rate, a lone take expires after exactly one window, and takes that share a
/// bucket expire late by at most a 600th (100 ms of a minute), never early.
/// </remarks>
public sealed class SlidingWindow : IRateWindow, IGateWindow
{
    private const int Capacity = 602;

    private readonly Lock _sync = new();
    private readonly MonotonicClock _clock;
    private readonly long _length;
    private readonly long _width;
    private Bucket[] _ring = new Bucket[8];
    private long _oldest;
    private long _next;
    private long _used;
    private long _oldestExpiry;
    private long _limit;

    /// <param name="limit">The most within one window, at least 0.</param>
    /// <param name="length">The window, above zero.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative limit or a length that is not positive.</exception>
    public SlidingWindow(long limit, TimeSpan length, TimeProvider time)
        : this(limit, length, new MonotonicClock(time))
    {
    }

    internal SlidingWindow(long limit, TimeSpan length, MonotonicClock clock)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(limit);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(length, TimeSpan.Zero);
        _clock = clock;
        _length = length.Ticks;
        _width = Math.Max(1, length.Ticks / 600);
        _limit = limit;
    }

    /// <summary>The most within one window. Lowering it takes nothing back: the next take waits until the use is below.</summary>
    public long Limit
    {
        get => Volatile.Read(ref _limit);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            Volatile.Write(ref _limit, value);
        }
    }

    /// <summary>What the window that ends now holds.</summary>
    public long Used
    {
        get
        {
            lock (_sync)
            {
                Expire(_clock.Now);
                return _used;
            }
        }
    }

    /// <summary>
    /// Takes all of <paramref name="amount"/> or nothing. An amount that alone exceeds the limit fits only an empty window,
    /// so that it is slow rather than impossible; with a limit of 0 nothing but nothing fits.
    /// </summary>
    /// <param name="amount">At least 0.</param>
    /// <param name="receipt">Names the take for <see cref="Settle"/>.</param>
    /// <param name="background">Only if a tenth of the limit, at least 1, stays free beside it.</param>
    public bool TryTake(int amount, out long receipt, bool background = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        lock (_sync)
        {
            var now = _clock.Now;
            Expire(now);
            var fits = Fits(WithReserve(amount, background));
            receipt = fits ? Append(now, amount) : -1;
            return fits;
        }
    }

    /// <inheritdoc cref="TryTake(int, out long, bool)"/>
    public bool TryTake(int amount = 1) => TryTake(amount, out _);

    /// <summary>How long until <paramref name="amount"/> fits if nobody else takes any: zero now, infinite never.</summary>
    public TimeSpan WaitFor(int amount = 1, bool background = false)
    {
        var now = _clock.Now;
        var at = FitsAt(now, amount, background);
        return at == MonotonicClock.Never ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks(at - now);
    }

    /// <summary>
    /// Replaces an estimate by what was really used. The unused part is given back where it was taken; a use beyond the estimate
    /// is charged now, even over the limit, since it has happened.
    /// </summary>
    public void Settle(long receipt, int estimate, int actual)
    {
        if (estimate == actual || receipt < 0)
            return;
        lock (_sync)
        {
            var now = _clock.Now;
            Expire(now);
            if (actual > estimate)
            {
                Append(now, actual - estimate);
                return;
            }
            if (receipt < _oldest)
                return;
            ref var bucket = ref At(receipt);
            var back = Math.Min(bucket.Amount, estimate - actual);
            bucket.Amount -= back;
            Volatile.Write(ref _used, _used - back);
        }
    }

    bool IGateWindow.MayFit(long now) =>
        Volatile.Read(ref _used) < Volatile.Read(ref _limit) || now >= Volatile.Read(ref _oldestExpiry);

    bool IGateWindow.CanTake(long now, int amount, bool background)
    {
        lock (_sync)
        {
            Expire(now);
            return Fits(WithReserve(amount, background));
        }
    }

    long IGateWindow.Take(long now, int amount)
    {
        lock (_sync)
        {
            Expire(now);
            return Append(now, amount);
        }
    }

    long IGateWindow.FitsAt(long now, int amount, bool background) => FitsAt(now, amount, background);

    private long FitsAt(long now, int amount, bool background)
    {
        lock (_sync)
        {
            Expire(now);
            var wanted = WithReserve(amount, background);
            if (Fits(wanted))
                return now;
            if (_limit == 0)
                return MonotonicClock.Never;
            // Walk from the oldest bucket: after it expires there is that much more room. An amount above the limit needs them all gone.
            var room = _limit - _used;
            for (var i = _oldest; i < _next; i++)
            {
                ref var bucket = ref At(i);
                room += bucket.Amount;
                if (room >= wanted || (room >= _limit && wanted > _limit))
                    return bucket.Last + _length;
            }
            return now;
        }
    }

    // What runs in the background leaves a tenth free, and at least 1: a tenth of a small limit is none.
    private long WithReserve(int amount, bool background) => background && amount > 0 ? amount + Math.Max(1, _limit / 10) : amount;

    private bool Fits(long amount) => amount == 0 || _used + amount <= _limit || (_used == 0 && _limit > 0);

    private ref Bucket At(long index) => ref _ring[index % _ring.Length];

    private void Expire(long now)
    {
        var used = _used;
        while (_oldest < _next && At(_oldest).Last + _length <= now)
        {
            used -= At(_oldest).Amount;
            _oldest++;
        }
        if (used != _used)
            Volatile.Write(ref _used, used);
        Volatile.Write(ref _oldestExpiry, _oldest < _next ? At(_oldest).Last + _length : now);
    }

    private long Append(long now, int amount)
    {
        Volatile.Write(ref _used, _used + amount);
        if (_oldest < _next)
        {
            ref var newest = ref At(_next - 1);
            // Buckets open at least a width apart, so the ring cannot fill; if it could, merging would err on the late side.
            if (now - newest.First < _width || _next - _oldest >= Capacity)
            {
                newest.Amount += amount;
                newest.Last = Math.Max(newest.Last, now);
                if (_next - _oldest == 1)
                    Volatile.Write(ref _oldestExpiry, newest.Last + _length);
                return _next - 1;
            }
        }
        if (_next - _oldest == _ring.Length)
            Grow();
        At(_next) = new Bucket { First = now, Last = now, Amount = amount };
        if (_next == _oldest)
            Volatile.Write(ref _oldestExpiry, now + _length);
        return _next++;
    }

    private void Grow()
    {
        var larger = new Bucket[Math.Min(_ring.Length * 2, Capacity)];
        for (var i = _oldest; i < _next; i++)
            larger[i % larger.Length] = At(i);
        _ring = larger;
    }

    private struct Bucket
    {
        public long First;
        public long Last;
        public long Amount;
    }
}
