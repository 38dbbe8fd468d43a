using System.Runtime.InteropServices;

namespace Weir.Leases.Fleet;

/// <summary>How many resources of each kind each worker and each key holds: leases that stand, and grants that are being committed here. The view's lock guards it.</summary>
internal sealed class HeldCounts
{
    private readonly Dictionary<(string Kind, string Tenant, string Worker), int> _byWorker = [];
    private readonly Dictionary<(string Kind, string Key), int> _byKey = [];

    public void Add(string kind, string tenant, string worker, string key, int count)
    {
        Add(_byWorker, (kind, tenant, worker), count);
        Add(_byKey, (kind, key), count);
    }

    public int OfWorker(string kind, string tenant, string worker) => _byWorker.GetValueOrDefault((kind, tenant, worker));

    public int OfKey(string kind, string key) => _byKey.GetValueOrDefault((kind, key));

    private static void Add<TKey>(Dictionary<TKey, int> counts, TKey key, int count)
        where TKey : notnull
    {
        ref var held = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, key, out _);
        held += count;
        if (held == 0)
            counts.Remove(key);
    }
}
