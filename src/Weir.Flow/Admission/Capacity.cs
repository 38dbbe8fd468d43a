using Weir.Flow.Limits;

namespace Weir.Flow.Admission;

/// <summary>
/// The limits of one level, gate or lane, and what is taken of them. Not synchronised: the gate's lock guards it, except for the
/// plain reads that say so.
/// </summary>
internal sealed class Capacity
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly MonotonicClock _clock;
    private readonly AdaptiveConcurrency _concurrency;
    private SlidingWindow? _requests;
    private SlidingWindow? _tokens;
    private int _inFlight;

    public Capacity(AdmissionLimits limits, MonotonicClock clock)
    {
        _clock = clock;
        _concurrency = new AdaptiveConcurrency(limits);
        Queue = limits.Queue;
        Window(ref _requests, limits.RequestsPerMinute);
        Window(ref _tokens, limits.TokensPerMinute);
    }

    /// <summary>How many may wait.</summary>
    public int Queue { get; private set; }

    /// <summary>Readable without the lock.</summary>
    public int Limit => _concurrency.Limit;

    /// <summary>Readable without the lock.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Readable without the lock.</summary>
    public bool HasSlot => InFlight < Limit;

    public long RequestsUsed => _requests?.Used ?? 0;

    public long TokensUsed => _tokens?.Used ?? 0;

    public void Reconfigure(AdmissionLimits limits)
    {
        _concurrency.Reconfigure(limits);
        Queue = limits.Queue;
        Window(ref _requests, limits.RequestsPerMinute);
        Window(ref _tokens, limits.TokensPerMinute);
    }

    /// <summary>A hint without the lock.</summary>
    public bool MayHaveRoom(long now) =>
        HasSlot && (Volatile.Read(ref _requests)?.MayFit(now) ?? true) && (Volatile.Read(ref _tokens)?.MayFit(now) ?? true);

    public bool CanTake(long now, int tokens) =>
        HasSlot && (_requests?.CanTake(now, 1) ?? true) && (_tokens?.CanTake(now, tokens) ?? true);

    /// <summary>The first moment at which the per-minute limits allow it if nothing else is taken.</summary>
    public long MinuteReadyAt(long now, int tokens) => Math.Max(_requests?.FitsAt(now, 1) ?? now, _tokens?.FitsAt(now, tokens) ?? now);

    /// <summary>The same; <see cref="MonotonicClock.Never"/> while only a release can make room.</summary>
    public long ReadyAt(long now, int tokens) => HasSlot ? MinuteReadyAt(now, tokens) : MonotonicClock.Never;

    public Claim Take(long now, int tokens)
    {
        Volatile.Write(ref _inFlight, _inFlight + 1);
        _requests?.Take(now, 1);
        return new Claim(_concurrency.Epoch, _tokens, _tokens?.Take(now, tokens) ?? -1);
    }

    public void Release(in Claim claim, int tokens, AdmissionSignal signal, TimeSpan? firstEvent, int? actualTokens)
    {
        Volatile.Write(ref _inFlight, _inFlight - 1);
        _concurrency.Observe(claim.Epoch, signal, firstEvent);
        if (actualTokens is { } actual)
            claim.Tokens?.Settle(claim.Receipt, tokens, Math.Max(0, actual));
    }

    private void Window(ref SlidingWindow? window, int? limit)
    {
        if (limit is not { } most)
            Volatile.Write(ref window, null);
        else if (window is null)
            Volatile.Write(ref window, new SlidingWindow(most, Minute, _clock));
        else
            window.Limit = most;
    }
}

/// <summary>What a capacity noted about one request: the epoch of its limit, and where its tokens were charged.</summary>
internal readonly record struct Claim(int Epoch, SlidingWindow? Tokens, long Receipt);
