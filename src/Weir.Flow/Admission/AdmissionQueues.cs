namespace Weir.Flow.Admission;

/// <summary>
/// The two queues of a gate. Of those in the background nobody enters while anybody waits in the other, and none of them ages into it.
/// Not synchronised: the gate's lock guards it, except for the plain reads that say so.
/// </summary>
internal sealed class AdmissionQueues(long ageing)
{
    public AdmissionQueue Interactive { get; } = new(ageing, background: false);

    public AdmissionQueue Background { get; } = new(ageing, background: true);

    /// <summary>Readable without the lock.</summary>
    public bool AnybodyWaits => Interactive.Count + Background.Count > 0;

    public long NextDeadline => Math.Min(Interactive.NextDeadline, Background.NextDeadline);

    public AdmissionQueue Of(bool background) => background ? Background : Interactive;

    public void Remove(Waiter waiter) => Of(waiter.IsBackground).Remove(waiter);

    /// <summary>One whose deadline has passed; null when there is none.</summary>
    public Waiter? FindLate(long now) =>
        Interactive.NextDeadline <= now ? Interactive.NextLate : Background.NextDeadline <= now ? Background.NextLate : null;

    /// <summary>Whether a newcomer may enter now without overtaking anybody who could enter before him.</summary>
    public bool CanPass(AdmissionLane lane, in AdmissionTicket ticket, in QueueRank rank, Capacity gate, long now)
    {
        var background = ticket.IsBackground;
        var own = Of(background);
        return !lane.IsClosed
            && !(background && Interactive.Count > 0)
            && gate.CanTake(now, ticket.Tokens, background)
            && lane.CanTake(now, ticket.Tokens, background)
            && (own.Count == 0 || own.IsAhead(lane, rank, now));
    }

    /// <summary>Who is to be admitted next; null when nobody can be.</summary>
    public Waiter? FindNext(Capacity gate, long now)
    {
        var background = Interactive.Count == 0;
        return gate.HasSlotFor(now, background) && Of(background).FindFirst(now) is { } first && gate.CanTake(now, first.Tokens, background) ? first : null;
    }

    /// <summary>When time alone next makes room for somebody. While anybody waits before the background, it admits nobody of that.</summary>
    public long RoomAt(long now, Capacity gate) => Of(background: Interactive.Count == 0).RoomAt(now, gate);
}
