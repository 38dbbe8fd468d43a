using System.Collections.Concurrent;

namespace Weir.Retrieval.Embedding.Counting;

/// <summary>Clients by name: so many that were seen last by themselves, and all others together.</summary>
internal sealed class ClientTable(TimeProvider time)
{
    public const int Most = 1000;

    /// <summary>Room for as many newcomers before those seen longest ago are looked for again.</summary>
    private const int Slack = 100;

    private readonly ConcurrentDictionary<(string Tenant, string Client), ClientCounts> _clients = new();
    private readonly ClientCounts _others = new("", "others");
    private readonly Lock _folding = new();

    public ClientCounts Of(EmbeddingAsker asker)
    {
        var name = (asker.Tenant, asker.Client);
        if (!_clients.TryGetValue(name, out var counts))
        {
            counts = _clients.GetOrAdd(name, static name => new ClientCounts(name.Tenant, name.Client));
            counts.Seen(time.GetUtcNow().UtcTicks);
            if (_clients.Count > Most + Slack)
                Fold();
        }

        counts.Seen(time.GetUtcNow().UtcTicks);
        return counts;
    }

    public IReadOnlyList<EmbeddingClientStats> ToStats()
    {
        var clients = _clients.Values.Select(client => client.ToStats()).OrderByDescending(client => client.LastSeen).Take(Most).ToList();
        if (_others.LastSeen != 0)
            clients.Add(_others.ToStats());
        return clients;
    }

    private void Fold()
    {
        lock (_folding)
        {
            foreach (var client in _clients.Values.OrderByDescending(client => client.LastSeen).Skip(Most))
            {
                if (_clients.TryRemove((client.Tenant, client.Client), out var folded))
                    _others.Add(folded);
            }
        }
    }
}
