using Weir.State.Caching;

namespace Weir.State.Memory;

/// <summary>Least recently used, bounded in bytes per space.</summary>
internal sealed class MemoryCacheStore(long maxBytes, IStoreClock clock) : ICacheStore
{
    private readonly CacheBounds _bounds = new(maxBytes);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Space> _spaces = new(StringComparer.Ordinal);

    public ValueTask<ReadOnlyMemory<byte>?> GetAsync(string space, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        lock (_lock)
            return new ValueTask<ReadOnlyMemory<byte>?>(Of(space).Get(Convert.ToBase64String(key.Span), clock.Now));
    }

    public ValueTask SetAsync(
        string space, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
    {
        CacheLimits.Validate(key, value);
        lock (_lock)
            Of(space).Set(new Entry(Convert.ToBase64String(key.Span), value.ToArray(), clock.Now + ttl), _bounds.Of(space));
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<ReadOnlyMemory<byte>?>> GetManyAsync(
        string space, IReadOnlyList<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken = default)
    {
        var values = new ReadOnlyMemory<byte>?[keys.Count];
        var names = keys.Select(static key => Convert.ToBase64String(key.Span)).ToArray();
        lock (_lock)
        {
            for (var i = 0; i < values.Length; i++)
                values[i] = Of(space).Get(names[i], clock.Now);
        }

        return new(values);
    }

    public ValueTask<int> SetManyAsync(string space, IReadOnlyList<CacheEntry> entries, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
    {
        CacheLimits.Validate(entries);
        var until = clock.Now + ttl;
        var copies = entries.Select(entry => new Entry(Convert.ToBase64String(entry.Key.Span), entry.Value.ToArray(), until)).ToArray();
        lock (_lock)
        {
            foreach (var copy in copies)
                Of(space).Set(copy, _bounds.Of(space));
        }

        return new(entries.Count);
    }

    public void Bound(string space, long maxBytes) => _bounds.Set(space, maxBytes);

    public ValueTask<long> ClearAsync(string space, CancellationToken cancellationToken = default)
    {
        lock (_lock)
            return new ValueTask<long>(_spaces.Remove(space, out var held) ? held.Count : 0);
    }

    private Space Of(string name)
    {
        if (!_spaces.TryGetValue(name, out var space))
            _spaces.Add(name, space = new Space());
        return space;
    }

    private sealed record Entry(string Key, byte[] Value, DateTimeOffset? Until)
    {
        public long Bytes => Key.Length + Value.Length;
    }

    private sealed class Space
    {
        private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
        private readonly LinkedList<Entry> _byUse = new();
        private long _bytes;

        public int Count => _entries.Count;

        public ReadOnlyMemory<byte>? Get(string key, DateTimeOffset now)
        {
            if (!_entries.TryGetValue(key, out var node))
                return null;
            if (node.Value.Until <= now)
            {
                Remove(node);
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddLast(node);
            return node.Value.Value;
        }

        public void Set(Entry entry, long maxBytes)
        {
            if (_entries.TryGetValue(entry.Key, out var old))
                Remove(old);
            _entries.Add(entry.Key, _byUse.AddLast(entry));
            _bytes += entry.Bytes;
            while (_bytes > maxBytes && _byUse.First is { } eldest)
                Remove(eldest);
        }

        private void Remove(LinkedListNode<Entry> node)
        {
            _entries.Remove(node.Value.Key);
            _byUse.Remove(node);
            _bytes -= node.Value.Bytes;
        }
    }
}
