namespace Weir.Flow.Admission;

/// <summary>
/// Waiters by priority, each priority in two lists in order of rank: those who came back, then those who are new. Every operation
/// takes constant time. Not synchronised: the gate's lock guards it.
/// </summary>
internal sealed class WaitQueue
{
    public const int Priorities = 10;

    private readonly LinkedList<Waiter>?[] _returned = new LinkedList<Waiter>?[Priorities];
    private readonly LinkedList<Waiter>?[] _new = new LinkedList<Waiter>?[Priorities];
    private int _count;
    private Waiter? _first;

    /// <summary>Readable without the lock.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The one before all others; null when nobody waits.</summary>
    public Waiter? First => _first ??= FindFirst();

    /// <summary>Adds behind all of its list: ranks within one list are given in rising order.</summary>
    public void Add(LinkedListNode<Waiter> node)
    {
        var waiter = node.Value;
        ref var list = ref (waiter.Rank.AtHead ? _returned : _new)[waiter.Priority];
        (list ??= new LinkedList<Waiter>()).AddLast(node);
        Volatile.Write(ref _count, _count + 1);
        if (_first is not null && waiter.Rank.IsBefore(_first.Rank))
            _first = waiter;
    }

    public void Remove(LinkedListNode<Waiter> node)
    {
        node.List!.Remove(node);
        Volatile.Write(ref _count, _count - 1);
        if (_first == node.Value)
            _first = null;
    }

    /// <summary>The rank's moment of the first new waiter of a priority; null when there is none.</summary>
    public long? FirstNew(int priority) => _new[priority]?.First?.Value.Rank.Virtual;

    /// <summary>
    /// Whom a request of <paramref name="priority"/> may send away: the youngest of the lowest priority below its own. One that
    /// comes back may also send away a new one of its own priority, which is behind it in any case.
    /// </summary>
    public Waiter? FindVictim(int priority, bool atHead)
    {
        for (var lower = 0; lower < priority; lower++)
        {
            if ((_new[lower]?.Last ?? _returned[lower]?.Last) is { } node)
                return node.Value;
        }
        return atHead ? _new[priority]?.Last?.Value : null;
    }

    /// <summary>Some of those who wait: a copy, so that they can be taken out meanwhile.</summary>
    public List<Waiter> Where(Func<Waiter, bool> which)
    {
        var found = new List<Waiter>();
        foreach (var list in _returned.Concat(_new))
        {
            for (var node = list?.First; node is not null; node = node.Next)
            {
                if (which(node.Value))
                    found.Add(node.Value);
            }
        }
        return found;
    }

    private Waiter? FindFirst()
    {
        Waiter? first = null;
        for (var priority = 0; priority < Priorities; priority++)
        {
            if ((_returned[priority]?.First ?? _new[priority]?.First) is { } node && (first is null || node.Value.Rank.IsBefore(first.Rank)))
                first = node.Value;
        }
        return first;
    }
}
