using Weir.Flow.Limits;

namespace Weir.Flow.Admission;

/// <summary>
/// The limits of one level, gate or lane, and what is taken of them. Not synchronised: the gate's lock guards it, except for the
/// plain reads that say so.
/// </summary>
internal sealed class Capacity
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    // Beyond the recent peak of others, what runs in the background leaves this part of what may be in flight free, and at least one place.
    private const int ReservedPart = 8;

    private readonly MonotonicClock _clock;
    private readonly WindowOpening _opening;
    private readonly AdaptiveConcurrency _concurrency;
    private IGateWindow? _requests;
    private IGateWindow? _tokens;
    private RecentPeak _interactive;
    private int _inFlight;

    public Capacity(AdmissionLimits limits, MonotonicClock clock, WindowOpening opening)
    {
        _clock = clock;
        _opening = opening;
        _concurrency = new AdaptiveConcurrency(limits.Among(opening.Replicas));
        Queue = limits.Queue;
        OpenWindows(limits);
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
        _concurrency.Reconfigure(limits.Among(_opening.Replicas));
        Queue = limits.Queue;
        OpenWindows(limits);
    }

    /// <summary>A hint without the lock.</summary>
    public bool MayHaveRoom(long now) =>
        HasSlot && (Volatile.Read(ref _requests)?.MayFit(now) ?? true) && (Volatile.Read(ref _tokens)?.MayFit(now) ?? true);

    public bool CanTake(long now, int tokens, bool background) =>
        HasSlotFor(now, background) && (_requests?.CanTake(now, 1, background) ?? true) && (_tokens?.CanTake(now, tokens, background) ?? true);

    /// <summary>Whether one more may be in flight.</summary>
    public bool HasSlotFor(long now, bool background) =>
        background ? InFlight - _interactive.InFlight + _interactive.At(now) < Limit - Reserve(Limit) : HasSlot;

    /// <summary>The first moment at which time alone allows it; <see cref="MonotonicClock.Never"/> while only a release can make room.</summary>
    public long SlotAt(long now, bool background) =>
        HasSlotFor(now, background) ? now : background ? _interactive.LowerAt(now) : MonotonicClock.Never;

    /// <summary>The first moment at which the per-minute limits allow it if nothing else is taken.</summary>
    public long MinuteReadyAt(long now, int tokens, bool background) =>
        Math.Max(_requests?.FitsAt(now, 1, background) ?? now, _tokens?.FitsAt(now, tokens, background) ?? now);

    /// <summary>The same of both.</summary>
    public long ReadyAt(long now, int tokens, bool background) =>
        Math.Max(SlotAt(now, background), MinuteReadyAt(now, tokens, background));

    public Claim Take(long now, int tokens, bool background)
    {
        Volatile.Write(ref _inFlight, _inFlight + 1);
        if (!background)
            _interactive.Enter(now);
        _requests?.Take(now, 1);
        return new Claim(_concurrency.Epoch, background, _tokens, _tokens?.Take(now, tokens) ?? -1);
    }

    public void Release(long now, in Claim claim, int tokens, AdmissionSignal signal, TimeSpan? firstEvent, int? actualTokens)
    {
        Volatile.Write(ref _inFlight, _inFlight - 1);
        if (!claim.IsBackground)
            _interactive.Leave(now);
        _concurrency.Observe(claim.Epoch, signal, firstEvent);
        if (actualTokens is { } actual)
            claim.Tokens?.Settle(claim.Receipt, tokens, Math.Max(0, actual));
    }

    private static int Reserve(int limit) => limit > 1 ? Math.Max(1, limit / ReservedPart) : 0;

    private void OpenWindows(AdmissionLimits limits)
    {
        Window(ref _requests, limits.RequestsPerMinute, "requests");
        Window(ref _tokens, limits.TokensPerMinute, "tokens");
    }

    private void Window(ref IGateWindow? window, int? limit, string what)
    {
        if (limit is not { } most)
            Volatile.Write(ref window, null);
        else if (window is null)
            Volatile.Write(ref window, _opening.Open(what, most) ?? (IGateWindow)new SlidingWindow(most, Minute, _clock));
        else
            window.Limit = most;
    }
}

/// <summary>Where the windows of one level come from; the default is this process's own.</summary>
/// <param name="Windows">Null: they are not shared.</param>
/// <param name="Name">The same on every replica for what is limited together.</param>
/// <param name="Replenished">Called without a lock when a shared window may have room again.</param>
internal readonly record struct WindowOpening(IPrepaidWindows? Windows, string Name, Action? Replenished)
{
    public int Replicas => Windows?.Replicas ?? 1;

    public PrepaidWindow? Open(string what, long limit) => Windows?.Open($"{Name}/{what}", limit, Replenished);
}

/// <summary>What a capacity noted about one request: the epoch of its limit, its kind, and where its tokens were charged.</summary>
internal readonly record struct Claim(int Epoch, bool IsBackground, IGateWindow? Tokens, long Receipt);
