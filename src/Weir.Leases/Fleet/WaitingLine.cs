using Weir.Leases.Documents;

namespace Weir.Leases.Fleet;

/// <summary>All who wait, in their order, and in the same order for each kind. The view's lock guards it.</summary>
internal sealed class WaitingLine
{
    private readonly SortedSet<Waiter> _order = new(WaiterOrder.Instance);
    private readonly Dictionary<string, Waiter> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedSet<Waiter>> _byKind = new(StringComparer.Ordinal);

    public int Count => _order.Count;

    public IEnumerable<Waiter> InOrder => _order;

    public IEnumerable<string> Kinds => _byKind.Keys;

    /// <summary>Those who need a kind, in their order.</summary>
    public IReadOnlyCollection<Waiter> Of(string kind) => _byKind.TryGetValue(kind, out var waiters) ? waiters : [];

    public void Add(Stored<LeaseRecord> lease)
    {
        var waiter = new Waiter(lease);
        _order.Add(waiter);
        _byId.Add(lease.Value.Id, waiter);
        foreach (var need in waiter.Needs)
        {
            if (!_byKind.TryGetValue(need.Kind, out var waiters))
                _byKind.Add(need.Kind, waiters = new SortedSet<Waiter>(WaiterOrder.Instance));
            waiters.Add(waiter);
        }
    }

    public void Remove(string id)
    {
        if (!_byId.Remove(id, out var waiter))
            return;
        _order.Remove(waiter);
        foreach (var need in waiter.Needs)
        {
            var waiters = _byKind[need.Kind];
            waiters.Remove(waiter);
            if (waiters.Count == 0)
                _byKind.Remove(need.Kind);
        }
    }

    /// <summary>From 1. Null: it does not wait.</summary>
    public int? PositionOf(string id)
    {
        if (!_byId.TryGetValue(id, out var wanted))
            return null;
        var position = 1;
        foreach (var waiter in _order)
        {
            if (waiter == wanted)
                return position;
            position++;
        }

        return null;
    }
}
