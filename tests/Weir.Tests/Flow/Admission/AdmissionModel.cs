using Weir.Flow.Admission;

namespace Weir.Tests.Flow.Admission;

/// <summary>
/// What a gate should do, in the plainest words: lists that are searched from end to end after every tick of 100 ms, exact
/// windows, and the effective priority computed anew each time. Shares no code with the gate but its records.
/// </summary>
internal sealed class AdmissionModel(AdmissionLimits limits, TimeSpan ageing)
{
    public static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly List<Entrant> _waiting = [];
    private int _arrivals;

    public Level Gate { get; } = new(limits);

    public TimeSpan Now { get; private set; }

    public int Queued => Count(background: false);

    public int QueuedInBackground => Count(background: true);

    public int QueuedIn(Lane lane, bool background = false) => _waiting.Count(entrant => entrant.Lane == lane && entrant.Ticket.IsBackground == background);

    public IEnumerable<Entrant> Waiting => _waiting;

    public void Advance(TimeSpan by)
    {
        for (var end = Now + by; Now < end;)
        {
            Now += Tick;
            Settle();
        }
    }

    public Entrant Enter(Lane lane, AdmissionTicket ticket)
    {
        var entrant = new Entrant(lane, ticket, Now, _arrivals++);
        if (ticket.AtHead)
        {
            var peers = _waiting.Where(other => other.Ticket.IsBackground == ticket.IsBackground && other.Ticket.Priority == ticket.Priority && !other.Ticket.AtHead).ToList();
            if (peers.Count > 0)
                entrant.RanksSince = peers.Min(other => other.RanksSince);
        }
        if (lane.IsClosed)
            return entrant.Refuse(RefusalReason.Closed);
        _waiting.Add(entrant);
        Admit();
        if (entrant.IsAnswered)
            return entrant;
        _waiting.Remove(entrant);
        if (lane.PausedUntil > Now && (ticket.LeavesOnPause || lane.PausedUntil >= entrant.Deadline))
            return entrant.Refuse(RefusalReason.Paused);
        if (entrant.Deadline <= Now)
            return entrant.Refuse(RefusalReason.Deadline);
        var laneIsFull = QueuedIn(lane, ticket.IsBackground) >= lane.Level.Limits.Queue;
        if (laneIsFull || Count(ticket.IsBackground) >= Gate.Limits.Queue)
        {
            var victim = _waiting
                .Where(other => other.Ticket.IsBackground == ticket.IsBackground)
                .Where(other => !laneIsFull || other.Lane == lane)
                .Where(other => other.Ticket.Priority < ticket.Priority
                    || (other.Ticket.Priority == ticket.Priority && ticket.AtHead && !other.Ticket.AtHead))
                .OrderBy(other => other.Ticket.Priority)
                .ThenBy(other => other.Ticket.AtHead)
                .ThenByDescending(other => other.Arrival)
                .FirstOrDefault();
            if (victim is null)
                return entrant.Refuse(RefusalReason.QueueFull);
            _waiting.Remove(victim);
            victim.Refuse(RefusalReason.Shed);
        }
        _waiting.Add(entrant);
        Settle();
        return entrant;
    }

    public void Cancel(Entrant entrant)
    {
        _waiting.Remove(entrant);
        entrant.IsCancelled = true;
        Settle();
    }

    public void Release(Entrant entrant, AdmissionSignal signal, int? actualTokens)
    {
        Gate.Release(entrant, entrant.GateEpoch, signal, actualTokens, Now);
        entrant.Lane.Level.Release(entrant, entrant.LaneEpoch, signal, actualTokens, Now);
        Settle();
    }

    public void Pause(Lane lane, TimeSpan duration)
    {
        if (Now + duration > lane.PausedUntil)
            lane.PausedUntil = Now + duration;
        if (lane.PausedUntil > Now)
        {
            foreach (var entrant in _waiting.Where(w => w.Lane == lane && (w.Ticket.LeavesOnPause || w.Deadline <= lane.PausedUntil)).ToList())
            {
                _waiting.Remove(entrant);
                entrant.Refuse(RefusalReason.Paused);
            }
        }
        Settle();
    }

    public void Resume(Lane lane)
    {
        lane.PausedUntil = TimeSpan.Zero;
        Settle();
    }

    public void Close(Lane lane)
    {
        lane.IsClosed = true;
        foreach (var entrant in _waiting.Where(w => w.Lane == lane).ToList())
        {
            _waiting.Remove(entrant);
            entrant.Refuse(RefusalReason.Closed);
        }
        Settle();
    }

    private int Count(bool background) => _waiting.Count(entrant => entrant.Ticket.IsBackground == background);

    private void Settle()
    {
        foreach (var late in _waiting.Where(w => w.Deadline <= Now).ToList())
        {
            _waiting.Remove(late);
            late.Refuse(RefusalReason.Deadline);
        }
        Admit();
    }

    private void Admit()
    {
        while (true)
        {
            // As long as anybody else waits, whoever it is and whatever for, the background stays where it is.
            var background = Queued == 0;
            var order = _waiting
                .Where(w => w.Ticket.IsBackground == background)
                .OrderByDescending(w => (w.Ticket.Priority * ageing) + (Now - w.RanksSince))
                .ThenByDescending(w => w.Ticket.AtHead)
                .ThenBy(w => w.Arrival);
            var first = order.GroupBy(w => w.Lane).Select(lane => lane.First())
                .FirstOrDefault(w => w.Lane.PausedUntil <= Now && w.Lane.Level.Allows(w.Ticket, Now));
            if (first is null || !Gate.Allows(first.Ticket, Now))
                return;
            _waiting.Remove(first);
            first.GateEpoch = Gate.Take(first, Now);
            first.LaneEpoch = first.Lane.Level.Take(first, Now);
            first.AdmittedAt = Now;
        }
    }

    internal sealed class Lane(AdmissionLimits? narrowing)
    {
        public Level Level { get; } = new(narrowing ?? new AdmissionLimits { Queue = int.MaxValue });

        public TimeSpan PausedUntil { get; set; }

        public bool IsClosed { get; set; }
    }

    internal sealed class Entrant(Lane lane, AdmissionTicket ticket, TimeSpan since, int arrival)
    {
        public Lane Lane => lane;

        public AdmissionTicket Ticket => ticket;

        public int Arrival => arrival;

        public TimeSpan Since { get; } = since;

        public TimeSpan RanksSince { get; set; } = since;

        public TimeSpan Deadline => ticket.Timeout == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : Since + ticket.Timeout;

        public TimeSpan? AdmittedAt { get; set; }

        public RefusalReason? Refusal { get; private set; }

        public bool IsCancelled { get; set; }

        public bool IsAnswered => AdmittedAt is not null || Refusal is not null || IsCancelled;

        public int GateEpoch { get; set; }

        public int LaneEpoch { get; set; }

        public Entrant Refuse(RefusalReason reason)
        {
            Refusal = reason;
            return this;
        }
    }

    internal sealed class Level(AdmissionLimits limits)
    {
        private readonly List<(TimeSpan At, Entrant By)> _requests = [];
        private readonly List<Charge> _charges = [];
        private readonly int _start = Math.Min(limits.StartConcurrency ?? limits.MaxConcurrency, limits.MaxConcurrency);
        private RecentPeak _interactive;
        private int _successes;
        private int _epoch;

        public AdmissionLimits Limits => limits;

        public int Limit { get; private set; } = Math.Min(limits.StartConcurrency ?? limits.MaxConcurrency, limits.MaxConcurrency);

        public int InFlight { get; private set; }

        public bool Allows(AdmissionTicket ticket, TimeSpan now)
        {
            var places = ticket.IsBackground && Limit > 1 ? Math.Max(1, Limit / 8) : 0;
            var expected = ticket.IsBackground ? _interactive.At(now.Ticks) - _interactive.InFlight : 0;
            if (InFlight + expected >= Limit - places)
                return false;
            var requests = RequestsUsed(now);
            if (limits.RequestsPerMinute is { } most && requests > 0 && requests + 1 + LeftFree(most) > most)
                return false;
            var (tokens, used) = (ticket.Tokens, TokensUsed(now));
            return limits.TokensPerMinute is not { } budget || tokens == 0 || used == 0 || used + tokens + LeftFree(budget) <= budget;

            int LeftFree(int limit) => ticket.IsBackground ? Math.Max(1, limit / 10) : 0;
        }

        public long RequestsUsed(TimeSpan now) => _requests.Count(r => r.At + TimeSpan.FromMinutes(1) > now);

        public long TokensUsed(TimeSpan now) => _charges.Where(c => c.At + TimeSpan.FromMinutes(1) > now).Sum(c => (long)c.Tokens);

        public int Take(Entrant entrant, TimeSpan now)
        {
            InFlight++;
            if (!entrant.Ticket.IsBackground)
                _interactive.Enter(now.Ticks);
            _requests.Add((now, entrant));
            _charges.Add(new Charge { At = now, By = entrant, Tokens = entrant.Ticket.Tokens });
            return _epoch;
        }

        public void Release(Entrant entrant, int epoch, AdmissionSignal signal, int? actualTokens, TimeSpan now)
        {
            InFlight--;
            if (!entrant.Ticket.IsBackground)
                _interactive.Leave(now.Ticks);
            var charge = _charges.Single(c => c.By == entrant);
            if (actualTokens > charge.Tokens)
                _charges.Add(new Charge { At = now, Tokens = actualTokens.Value - charge.Tokens });
            else if (actualTokens is { } actual)
                charge.Tokens = actual;
            if (epoch != _epoch || Limit == int.MaxValue)
                return;
            if (signal == AdmissionSignal.Throttled)
            {
                Limit = Math.Max(Math.Max(1, (_start + 3) / 4), Limit / 2);
                _successes = 0;
                _epoch++;
            }
            else if (signal == AdmissionSignal.Success && ++_successes >= Limit)
            {
                _successes = 0;
                Limit = Math.Min(limits.MaxConcurrency, Limit + 1);
            }
        }

        private sealed class Charge
        {
            public TimeSpan At { get; init; }

            public Entrant? By { get; init; }

            public int Tokens { get; set; }
        }
    }
}
