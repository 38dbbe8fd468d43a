using System.Collections.Concurrent;

namespace Weir.State.Redis;

/// <summary>The highest revision of each partition that this replica has seen. A store found behind one has lost its tail.</summary>
internal sealed class RedisPartitions
{
    private readonly ConcurrentDictionary<string, long> _seen = new(StringComparer.Ordinal);

    public long Seen(string partition) => _seen.GetValueOrDefault(partition);

    public void See(string partition, long revision) =>
        _seen.AddOrUpdate(partition, static (_, now) => now, static (_, seen, now) => Math.Max(seen, now), revision);
}
