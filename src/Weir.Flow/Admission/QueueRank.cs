namespace Weir.Flow.Admission;

/// <summary>
/// A place in the one order of a gate. A waiter's effective priority is its priority plus what it has waited over the ageing
/// time; two waiters age alike, so their order never changes, and it is the order of arrival moved back by one ageing time per
/// priority.
/// </summary>
/// <param name="Virtual">The moment of arrival minus priority times ageing.</param>
/// <param name="AtHead">Breaks ties: those who come back stand before those who are new.</param>
/// <param name="Sequence">Breaks ties: arrival.</param>
internal readonly record struct QueueRank(long Virtual, bool AtHead, long Sequence)
{
    public bool IsBefore(in QueueRank other)
    {
        if (Virtual != other.Virtual)
            return Virtual < other.Virtual;
        return AtHead != other.AtHead ? AtHead : Sequence < other.Sequence;
    }
}
