namespace Weir.Leases.Broker;

/// <summary>Which leases somebody waits for at this replica, on an open connection. Several may wait for one that is keyed.</summary>
internal sealed class LeaseClients
{
    private readonly Lock _sync = new();
    private readonly Dictionary<string, Presence> _present = new(StringComparer.Ordinal);

    public void Enter(string leaseId)
    {
        lock (_sync)
        {
            if (!_present.TryGetValue(leaseId, out var presence))
                _present.Add(leaseId, presence = new Presence());
            presence.Count++;
        }
    }

    public void Leave(string leaseId)
    {
        CancellationTokenSource? left = null;
        lock (_sync)
        {
            var presence = _present[leaseId];
            if (--presence.Count == 0)
            {
                _present.Remove(leaseId);
                left = presence.Left;
            }
        }

        // Never disposed: a grant may still ask for its token, and it has no timer.
        left?.Cancel();
    }

    public bool IsHere(string leaseId)
    {
        lock (_sync)
            return _present.ContainsKey(leaseId);
    }

    /// <summary>Cancelled when the last client that waits for a lease has left.</summary>
    public CancellationToken LeftOf(string leaseId)
    {
        lock (_sync)
            return _present.TryGetValue(leaseId, out var presence) ? presence.Left.Token : new CancellationToken(canceled: true);
    }

    private sealed class Presence
    {
        public int Count { get; set; }

        public CancellationTokenSource Left { get; } = new();
    }
}
