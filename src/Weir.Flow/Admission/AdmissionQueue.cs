namespace Weir.Flow.Admission;

/// <summary>
/// Everybody of one kind who waits at one gate, seen in three ways: in the one order, by lane, and by deadline. Not synchronised: the
/// gate's lock guards it, except for the plain reads that say so.
/// </summary>
/// <param name="ageing">Waiting this long, in ticks, counts as one priority more.</param>
/// <param name="background">Which kind.</param>
internal sealed class AdmissionQueue(long ageing, bool background)
{
    private readonly WaitQueue _all = new();
    private readonly DeadlineHeap _deadlines = new();
    private readonly List<AdmissionLane> _lanes = [];
    private long _sequence;

    /// <summary>Readable without the lock.</summary>
    public int Count => _all.Count;

    /// <summary>The next deadline; <see cref="MonotonicClock.Never"/> when nobody has one.</summary>
    public long NextDeadline => _deadlines.Next;

    /// <summary>Whose deadline is the next one; only where there is one.</summary>
    public Waiter NextLate => _deadlines.First;

    /// <summary>Where a request stands in the order. One that comes back stands with the first new one of its priority, and wins the tie.</summary>
    public QueueRank Rank(in AdmissionTicket ticket, long now)
    {
        var moment = now - (ticket.Priority * ageing);
        if (ticket.AtHead && _all.FirstNew(ticket.Priority) is { } first)
            moment = first;
        return new QueueRank(moment, ticket.AtHead, _sequence++);
    }

    public void Add(Waiter waiter)
    {
        var line = LineOf(waiter.Lane);
        line.Waiting.Add(waiter.InLane);
        _all.Add(waiter.InGate);
        _deadlines.Add(waiter);
        if (line.Index >= 0)
            return;
        line.Index = _lanes.Count;
        _lanes.Add(waiter.Lane);
    }

    public void Remove(Waiter waiter)
    {
        var line = LineOf(waiter.Lane);
        line.Waiting.Remove(waiter.InLane);
        _all.Remove(waiter.InGate);
        _deadlines.Remove(waiter);
        if (line.Waiting.Count > 0)
            return;
        var last = _lanes[^1];
        _lanes[line.Index] = last;
        LineOf(last).Index = line.Index;
        line.Index = -1;
        _lanes.RemoveAt(_lanes.Count - 1);
    }

    /// <summary>Whether one more in this lane is one too many.</summary>
    /// <param name="lane">Where the newcomer would wait.</param>
    /// <param name="most">The gate's bound.</param>
    /// <param name="crowded">Among whom somebody must leave first.</param>
    public bool IsFull(AdmissionLane lane, int most, out WaitQueue crowded)
    {
        var waiting = LineOf(lane).Waiting;
        var laneIsFull = waiting.Count >= lane.Capacity.Queue;
        crowded = laneIsFull ? waiting : _all;
        return laneIsFull || _all.Count >= most;
    }

    /// <summary>The first of the order whose lane would take it; lanes with waiters are few, and each knows its first.</summary>
    public Waiter? FindFirst(long now)
    {
        Waiter? first = null;
        foreach (var lane in _lanes)
        {
            var candidate = LineOf(lane).Waiting.First!;
            if ((first is null || candidate.Rank.IsBefore(first.Rank)) && lane.CanTake(now, candidate.Tokens, background))
                first = candidate;
        }
        return first;
    }

    /// <summary>
    /// Whether a newcomer overtakes nobody: in his own lane none who ranks before him, whatever that one waits for; in the others none
    /// who ranks before him and whose lane is ready.
    /// </summary>
    public bool IsAhead(AdmissionLane lane, in QueueRank rank, long now) =>
        (LineOf(lane).Waiting.First is not { } ahead || rank.IsBefore(ahead.Rank))
        && (FindFirst(now) is not { } first || rank.IsBefore(first.Rank));

    /// <summary>When the end of a pause, of a minute or of a recent peak next makes room for somebody, if nobody leaves before.</summary>
    public long RoomAt(long now, Capacity gate)
    {
        if (gate.SlotAt(now, background) is var slot && slot > now)
            return slot;
        var at = MonotonicClock.Never;
        foreach (var lane in _lanes)
        {
            var tokens = LineOf(lane).Waiting.First!.Tokens;
            if (!lane.CanTake(now, tokens, background))
                at = Math.Min(at, Math.Max(lane.PausedUntil, lane.Capacity.ReadyAt(now, tokens, background)));
        }
        // Nobody overtakes the first whose lane is ready, so only his wait for the gate counts.
        return FindFirst(now) is { } first ? Math.Min(at, gate.ReadyAt(now, first.Tokens, background)) : at;
    }

    private LaneLine LineOf(AdmissionLane lane) => background ? lane.Background : lane.Interactive;
}
