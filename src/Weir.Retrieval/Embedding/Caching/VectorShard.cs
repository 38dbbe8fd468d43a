using System.Diagnostics.CodeAnalysis;

namespace Weir.Retrieval.Embedding.Caching;

/// <summary>
/// One part of the cache, with a lock of its own. Segmented least recently used: what is new is on probation, and what is asked for again is
/// protected, in at most four fifths of the room; so a scan over many texts that nobody asks for twice pushes out only its like.
/// </summary>
internal sealed class VectorShard
{
    /// <summary>
    /// What an entry takes beside its numbers: two objects and an array of its own, and its place in a table that is on average three quarters full.
    /// Measured in 64-bit processes.
    /// </summary>
    public const int Overhead = 272;

    private readonly Lock _sync = new();
    private readonly Dictionary<VectorKey, Entry> _entries = [];
    private readonly Segment _probation = new();
    private readonly Segment _protected = new();
    private long _maxBytes;
    private long _evictions;

    public (int Entries, long Bytes, long Evictions) Count()
    {
        lock (_sync)
            return (_entries.Count, _probation.Bytes + _protected.Bytes, _evictions);
    }

    public bool TryGet(in VectorKey key, [NotNullWhen(true)] out KeptVector? vector)
    {
        lock (_sync)
        {
            if (!_entries.TryGetValue(key, out var entry))
            {
                vector = null;
                return false;
            }

            Touch(entry);
            vector = entry.Vector;
            return true;
        }
    }

    /// <summary>Looks without counting it as a use.</summary>
    public bool Contains(in VectorKey key)
    {
        lock (_sync)
            return _entries.ContainsKey(key);
    }

    public void Put(in VectorKey key, KeptVector vector)
    {
        lock (_sync)
        {
            if (_entries.Remove(key, out var old))
                old.Segment.Remove(old);
            if (vector.Bytes + Overhead > _maxBytes)
                return;
            var entry = new Entry(key, vector);
            _entries.Add(key, entry);
            (old?.Segment ?? _probation).Add(entry);
            Shrink();
        }
    }

    public void Bound(long maxBytes)
    {
        lock (_sync)
        {
            _maxBytes = maxBytes;
            Shrink();
        }
    }

    public int Clear()
    {
        lock (_sync)
        {
            var count = _entries.Count;
            _entries.Clear();
            _entries.TrimExcess();
            _probation.Clear();
            _protected.Clear();
            return count;
        }
    }

    private void Touch(Entry entry)
    {
        if (entry == _protected.Newest)
            return;
        entry.Segment.Remove(entry);
        _protected.Add(entry);
        while (_protected.Bytes > _maxBytes / 5 * 4 && _protected.Oldest is { } demoted && demoted != entry)
        {
            _protected.Remove(demoted);
            _probation.Add(demoted);
        }
    }

    private void Shrink()
    {
        while (_probation.Bytes + _protected.Bytes > _maxBytes && (_probation.Oldest ?? _protected.Oldest) is { } evicted)
        {
            evicted.Segment.Remove(evicted);
            _entries.Remove(evicted.Key);
            _evictions++;
        }
    }

    private sealed class Entry(VectorKey key, KeptVector vector)
    {
        public VectorKey Key => key;

        public KeptVector Vector => vector;

        public long Bytes => vector.Bytes + Overhead;

        public Segment Segment { get; set; } = null!;

        public Entry? Newer { get; set; }

        public Entry? Older { get; set; }
    }

    private sealed class Segment
    {
        public Entry? Newest { get; private set; }

        public Entry? Oldest { get; private set; }

        public long Bytes { get; private set; }

        public void Add(Entry entry)
        {
            (entry.Segment, entry.Older, entry.Newer) = (this, Newest, null);
            if (Newest is null)
                Oldest = entry;
            else
                Newest.Newer = entry;
            Newest = entry;
            Bytes += entry.Bytes;
        }

        public void Remove(Entry entry)
        {
            if (entry.Newer is null)
                Newest = entry.Older;
            else
                entry.Newer.Older = entry.Older;
            if (entry.Older is null)
                Oldest = entry.Newer;
            else
                entry.Older.Newer = entry.Newer;
            Bytes -= entry.Bytes;
        }

        public void Clear() => (Newest, Oldest, Bytes) = (null, null, 0);
    }
}
