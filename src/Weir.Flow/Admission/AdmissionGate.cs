using System.Diagnostics.CodeAnalysis;
using Weir.Flow.Limits;

namespace Weir.Flow.Admission;

/// <summary>
/// Decides for one provider key which request runs now, which waits, and which is refused. Requests come through lanes, which may
/// narrow the gate's limits; all lanes share one order. Safe from any thread.
/// </summary>
/// <remarks>
/// <para>
/// One lock guards the gate and all of its lanes. Every change (a release, a leave, the end of a pause or of a minute) is followed
/// under the same lock by admitting all who now can be, so that nobody waits while there is room for him: between two changes,
/// either no waiting lane could take its first waiter, or the gate could not take the first of those.
/// </para>
/// <para>
/// The first of the order is not overtaken by smaller requests while it waits for its tokens: that is what keeps it from starving.
/// Nobody is answered under the lock.
/// </para>
/// <para>
/// What runs in the background waits in a queue of its own, of which nothing is admitted while anybody waits in the other.
/// </para>
/// </remarks>
public sealed class AdmissionGate : IDisposable
{
    private static readonly TimeSpan DefaultAgeing = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LeastRetryAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _sync = new();
    private readonly Capacity _capacity;
    private readonly CompletionRate _rate = new();
    private readonly List<AdmissionLane> _lanes = [];
    private readonly AdmissionQueues _queues;
    private readonly WindowOpening _opening;
    private readonly ITimer _timer;
    private AdmissionTotals _totals;
    private long _timerAt = MonotonicClock.Never;
    private bool _closed;

    /// <param name="limits">What all lanes together may do.</param>
    /// <param name="time">The clock; it also wakes waiters.</param>
    /// <param name="ageing">Waiting this long counts as one priority more: above zero, or infinite for none. Null: 5 s.</param>
    /// <param name="windows">Makes the limits hold over all replicas together. Null: this process has them for itself.</param>
    /// <param name="name">What the replicas know the gate by; without meaning where nothing is shared.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit or an ageing out of its range.</exception>
    public AdmissionGate(AdmissionLimits limits, TimeProvider time, TimeSpan? ageing = null, IPrepaidWindows? windows = null, string name = "")
    {
        limits.Validate();
        var step = ageing ?? DefaultAgeing;
        if (step != Timeout.InfiniteTimeSpan)
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(step, TimeSpan.Zero, nameof(ageing));
        // Small enough that ten of them, and any moment, fit in one number; and no process lives as long as one.
        const long NoAgeing = long.MaxValue / 64;
        var ticks = step == Timeout.InfiniteTimeSpan ? NoAgeing : Math.Min(step.Ticks, NoAgeing);
        _queues = new AdmissionQueues(ticks);
        Clock = new MonotonicClock(time);
        _opening = new WindowOpening(windows, name, LookAgain);
        _capacity = new Capacity(limits, Clock, _opening);
        _timer = Clock.CreateTimer(static state => ((AdmissionGate)state!).OnTimer(), this);
    }

    /// <summary>Permits not yet released, of all lanes.</summary>
    public int InFlight => _capacity.InFlight;

    /// <summary>Requests that wait, in all lanes, without those in the background.</summary>
    public int Queued => _queues.Interactive.Count;

    /// <summary>The working limit on what is in flight.</summary>
    public int Limit => _capacity.Limit;

    internal MonotonicClock Clock { get; }

    /// <summary>Opens a way through. Names need not be unique: they are for those who look.</summary>
    /// <param name="name">What snapshots call it.</param>
    /// <param name="narrowing">Limits of its own under the gate's; null for none.</param>
    /// <param name="sharedName">What the replicas know it by, under the gate. Null: <paramref name="name"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit out of its range.</exception>
    public AdmissionLane OpenLane(string name, AdmissionLimits? narrowing = null, string? sharedName = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        narrowing?.Validate();
        var lane = new AdmissionLane(this, name, new Capacity(
            narrowing ?? AdmissionLimits.None, Clock, _opening with { Name = $"{_opening.Name}/{sharedName ?? name}" }));
        lock (_sync)
        {
            if (_closed)
                lane.IsClosed = true;
            else
                _lanes.Add(lane);
        }
        return lane;
    }

    /// <summary>Takes other limits. What is in flight stays; what was used in the last minute stays counted; who waits goes on waiting.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A limit out of its range.</exception>
    public void Reconfigure(AdmissionLimits limits)
    {
        limits.Validate();
        var answers = new Answers();
        lock (_sync)
        {
            _capacity.Reconfigure(limits);
            AdmitAll(Clock.Now, ref answers);
        }
        answers.Tell();
    }

    public AdmissionGateSnapshot Snapshot()
    {
        lock (_sync)
        {
            var now = Clock.Now;
            var lanes = new AdmissionLaneSnapshot[_lanes.Count];
            for (var i = 0; i < lanes.Length; i++)
            {
                var lane = _lanes[i];
                lanes[i] = new AdmissionLaneSnapshot(
                    lane.Name, lane.InFlight, lane.Queued, lane.Limit, lane.Capacity.RequestsUsed, lane.Capacity.TokensUsed, PauseLeft(lane, now));
            }
            return new AdmissionGateSnapshot(
                InFlight, Queued, Limit, _capacity.RequestsUsed, _capacity.TokensUsed, _totals, lanes) { QueuedInBackground = _queues.Background.Count };
        }
    }

    /// <summary>Closes the gate and its lanes: who waits is refused, who is in flight may finish.</summary>
    public void Dispose()
    {
        var answers = new Answers();
        lock (_sync)
        {
            if (_closed)
                return;
            _closed = true;
            foreach (var lane in _lanes)
            {
                lane.IsClosed = true;
                RefuseAll(lane, RefusalReason.Closed, LeastRetryAfter, static _ => true, ref answers);
            }
            _lanes.Clear();
            _timer.Dispose();
        }
        answers.Tell();
    }

    /// <summary>A hint without the lock.</summary>
    internal bool MayHaveRoom(long now) => _capacity.MayHaveRoom(now);

    internal bool TryEnter(AdmissionLane lane, AdmissionTicket ticket, [NotNullWhen(true)] out AdmissionPermit? permit)
    {
        ticket = Normalise(ticket);
        var answers = new Answers();
        lock (_sync)
        {
            var now = Clock.Now;
            if (_queues.AnybodyWaits)
                AdmitAll(now, ref answers);
            var rank = _queues.Of(ticket.IsBackground).Rank(ticket, now);
            permit = _queues.CanPass(lane, ticket, rank, _capacity, now) ? AdmitNewcomer(lane, ticket, now, ref answers) : null;
        }
        answers.Tell();
        return permit is not null;
    }

    /// <summary>Admits or refuses at once and returns null, or returns the waiter that will be answered.</summary>
    internal Waiter? Enter(AdmissionLane lane, AdmissionTicket ticket, out AdmissionResult result)
    {
        ticket = Normalise(ticket);
        var answers = new Answers();
        Waiter? waiter;
        lock (_sync)
        {
            var now = Clock.Now;
            if (_queues.AnybodyWaits)
                AdmitAll(now, ref answers);
            var rank = _queues.Of(ticket.IsBackground).Rank(ticket, now);
            if (_queues.CanPass(lane, ticket, rank, _capacity, now))
            {
                waiter = null;
                result = new AdmissionResult(AdmitNewcomer(lane, ticket, now, ref answers));
            }
            else
            {
                waiter = Enqueue(lane, ticket, rank, now, out result, ref answers);
            }
        }
        answers.Tell();
        return waiter;
    }

    /// <summary>Takes a waiter out of the queue without an answer; false when it has been answered already.</summary>
    internal bool Leave(Waiter waiter)
    {
        var answers = new Answers();
        lock (_sync)
        {
            if (!waiter.IsQueued)
                return false;
            _queues.Remove(waiter);
            _totals = _totals with { Cancelled = _totals.Cancelled + 1 };
            AdmitAll(Clock.Now, ref answers);
        }
        answers.Tell();
        return true;
    }

    internal void Release(AdmissionPermit permit, AdmissionSignal signal, TimeSpan? firstEvent, int? actualTokens)
    {
        var answers = new Answers();
        lock (_sync)
        {
            var now = Clock.Now;
            _capacity.Release(now, permit.GateClaim, permit.Tokens, signal, firstEvent, actualTokens);
            permit.Lane.Capacity.Release(now, permit.LaneClaim, permit.Tokens, signal, firstEvent, actualTokens);
            _rate.Count(now);
            if (_queues.AnybodyWaits)
                AdmitAll(now, ref answers);
        }
        answers.Tell();
    }

    internal void Pause(AdmissionLane lane, TimeSpan duration)
    {
        var answers = new Answers();
        lock (_sync)
        {
            var now = Clock.Now;
            var until = MonotonicClock.After(now, duration);
            if (until <= Math.Max(now, lane.PausedUntil))
                return;
            lane.PausedUntil = until;
            RefuseAll(lane, RefusalReason.Paused, RetryAfter(lane, tokens: 0, background: false, now), waiter => waiter.LeavesOnPause || waiter.Deadline <= until, ref answers);
            AdmitAll(now, ref answers);
        }
        answers.Tell();
    }

    internal void Resume(AdmissionLane lane)
    {
        var answers = new Answers();
        lock (_sync)
        {
            lane.PausedUntil = 0;
            AdmitAll(Clock.Now, ref answers);
        }
        answers.Tell();
    }

    internal void Reconfigure(AdmissionLane lane, AdmissionLimits? narrowing)
    {
        narrowing?.Validate();
        var answers = new Answers();
        lock (_sync)
        {
            lane.Capacity.Reconfigure(narrowing ?? AdmissionLimits.None);
            AdmitAll(Clock.Now, ref answers);
        }
        answers.Tell();
    }

    internal void Close(AdmissionLane lane)
    {
        var answers = new Answers();
        lock (_sync)
        {
            if (lane.IsClosed)
                return;
            lane.IsClosed = true;
            _lanes.Remove(lane);
            RefuseAll(lane, RefusalReason.Closed, LeastRetryAfter, static _ => true, ref answers);
            AdmitAll(Clock.Now, ref answers);
        }
        answers.Tell();
    }

    private static AdmissionTicket Normalise(in AdmissionTicket ticket) =>
        ticket with { Priority = Math.Clamp(ticket.Priority, 0, WaitQueue.Priorities - 1), Tokens = Math.Max(0, ticket.Tokens) };

    private static TimeSpan PauseLeft(AdmissionLane lane, long now) => TimeSpan.FromTicks(Math.Max(0, lane.PausedUntil - now));

    private AdmissionPermit Admit(AdmissionLane lane, int tokens, bool background, long since, long now)
    {
        if (_capacity.InFlight == 0)
            _rate.Wake(now);
        _totals = _totals with { Admitted = _totals.Admitted + 1 };
        return new AdmissionPermit(lane, tokens, TimeSpan.FromTicks(now - since))
        {
            GateClaim = _capacity.Take(now, tokens, background),
            LaneClaim = lane.Capacity.Take(now, tokens, background),
        };
    }

    private AdmissionPermit AdmitNewcomer(AdmissionLane lane, in AdmissionTicket ticket, long now, ref Answers answers)
    {
        var permit = Admit(lane, ticket.Tokens, ticket.IsBackground, now, now);
        // He may have filled his lane: its first then no longer holds up those of other lanes whom the gate could take.
        if (_queues.AnybodyWaits)
            AdmitAll(now, ref answers);
        return permit;
    }

    private Waiter? Enqueue(
        AdmissionLane lane, in AdmissionTicket ticket, in QueueRank rank, long now, out AdmissionResult result, ref Answers answers)
    {
        var deadline = MonotonicClock.After(now, ticket.Timeout);
        if (lane.IsClosed)
            return Refuse(RefusalReason.Closed, LeastRetryAfter, out result);
        if (lane.IsPaused(now) && (ticket.LeavesOnPause || lane.PausedUntil >= deadline))
            return Refuse(RefusalReason.Paused, RetryAfter(lane, ticket.Tokens, ticket.IsBackground, now), out result);
        if (deadline <= now)
            return Refuse(RefusalReason.Deadline, RetryAfter(lane, ticket.Tokens, ticket.IsBackground, now), out result);
        var queue = _queues.Of(ticket.IsBackground);
        if (queue.IsFull(lane, _capacity.Queue, out var crowded))
        {
            if (crowded.FindVictim(ticket.Priority, ticket.AtHead) is not { } victim)
                return Refuse(RefusalReason.QueueFull, RetryAfter(lane, ticket.Tokens, ticket.IsBackground, now), out result);
            Refuse(victim, RefusalReason.Shed, RetryAfter(victim.Lane, victim.Tokens, victim.IsBackground, now), ref answers);
        }
        var waiter = new Waiter(lane, ticket, rank, now, deadline);
        queue.Add(waiter);
        // Even one who must wait may be the new first of his lane, and no longer stand in the way of other lanes.
        AdmitAll(now, ref answers);
        result = default;
        return waiter;
    }

    private Waiter? Refuse(RefusalReason reason, TimeSpan retryAfter, out AdmissionResult result)
    {
        _totals = _totals.Count(reason);
        result = new AdmissionResult(new AdmissionRefusal(reason, retryAfter));
        return null;
    }

    private void Refuse(Waiter waiter, RefusalReason reason, TimeSpan retryAfter, ref Answers answers)
    {
        _queues.Remove(waiter);
        Refuse(reason, retryAfter, out var result);
        answers.Add(waiter, result);
    }

    /// <summary>Refuses some of those who wait in a lane.</summary>
    private void RefuseAll(AdmissionLane lane, RefusalReason reason, TimeSpan retryAfter, Func<Waiter, bool> which, ref Answers answers)
    {
        foreach (var waiter in lane.Waiting.Where(which).Concat(lane.Background.Waiting.Where(which)))
            Refuse(waiter, reason, retryAfter, ref answers);
    }

    /// <summary>What is known (the end of a pause or of a minute) or, where it is longer, what the rate of completion lets expect.</summary>
    private TimeSpan RetryAfter(AdmissionLane lane, int tokens, bool background, long now)
    {
        var minute = Math.Max(_capacity.MinuteReadyAt(now, tokens, background), lane.Capacity.MinuteReadyAt(now, tokens, background));
        var ahead = Queued + (background ? _queues.Background.Count : 0);
        return TimeSpan.FromTicks(Math.Max(Math.Max(lane.PausedUntil, minute) - now, _rate.Estimate(now, ahead + 1).Ticks));
    }

    /// <summary>Admits, in order, all who can be; refuses whose time is up; sets the timer for the next who will be either.</summary>
    private void AdmitAll(long now, ref Answers answers)
    {
        while (_queues.FindLate(now) is { } late)
            Refuse(late, RefusalReason.Deadline, RetryAfter(late.Lane, late.Tokens, late.IsBackground, now), ref answers);
        while (_queues.FindNext(_capacity, now) is { } first)
        {
            _queues.Remove(first);
            answers.Add(first, new AdmissionResult(Admit(first.Lane, first.Tokens, first.IsBackground, first.Since, now)));
        }
        SetTimer(now);
    }

    /// <summary>
    /// Arranges to be woken when time alone changes something. A timer that is set too early is left: it costs one look at the queue.
    /// </summary>
    private void SetTimer(long now)
    {
        if (!_queues.AnybodyWaits || _closed)
            return;
        var at = Math.Min(_queues.NextDeadline, _queues.RoomAt(now, _capacity));
        if (at >= _timerAt)
            return;
        _timerAt = at;
        _timer.Change(MonotonicClock.Due(at - now), Timeout.InfiniteTimeSpan);
    }

    private void OnTimer()
    {
        lock (_sync)
            _timerAt = MonotonicClock.Never;
        LookAgain();
    }

    private void LookAgain()
    {
        var answers = new Answers();
        lock (_sync)
        {
            if (!_closed && _queues.AnybodyWaits)
                AdmitAll(Clock.Now, ref answers);
        }
        answers.Tell();
    }
}
