namespace Weir.Flow.Admission;

/// <summary>Waiters by deadline, the next one on top; each knows its place, so that leaving takes O(log n). Not synchronised.</summary>
internal sealed class DeadlineHeap
{
    private Waiter[] _items = new Waiter[16];
    private int _count;

    /// <summary>The next deadline; <see cref="MonotonicClock.Never"/> when nobody has one.</summary>
    public long Next => _count == 0 ? MonotonicClock.Never : _items[0].Deadline;

    public Waiter First => _items[0];

    public void Add(Waiter waiter)
    {
        if (waiter.Deadline == MonotonicClock.Never)
            return;
        if (_count == _items.Length)
            Array.Resize(ref _items, _count * 2);
        Raise(_count++, waiter);
    }

    public void Remove(Waiter waiter)
    {
        var hole = waiter.HeapIndex;
        if (hole < 0)
            return;
        waiter.HeapIndex = -1;
        var last = _items[--_count];
        _items[_count] = null!;
        if (last == waiter)
            return;
        if (hole > 0 && last.Deadline < _items[(hole - 1) / 2].Deadline)
            Raise(hole, last);
        else
            Lower(hole, last);
    }

    private void Raise(int hole, Waiter waiter)
    {
        while (hole > 0)
        {
            var parent = (hole - 1) / 2;
            if (_items[parent].Deadline <= waiter.Deadline)
                break;
            Place(hole, _items[parent]);
            hole = parent;
        }
        Place(hole, waiter);
    }

    private void Lower(int hole, Waiter waiter)
    {
        while (true)
        {
            var child = (2 * hole) + 1;
            if (child >= _count)
                break;
            if (child + 1 < _count && _items[child + 1].Deadline < _items[child].Deadline)
                child++;
            if (_items[child].Deadline >= waiter.Deadline)
                break;
            Place(hole, _items[child]);
            hole = child;
        }
        Place(hole, waiter);
    }

    private void Place(int index, Waiter waiter)
    {
        _items[index] = waiter;
        waiter.HeapIndex = index;
    }
}
