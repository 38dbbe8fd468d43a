namespace Weir.Inference.Caching;

/// <summary>Answers kept in this process: bounded in bytes, least recently used first. Safe from any thread.</summary>
internal sealed class LocalAnswers
{
    /// <summary>What an entry costs beside its body: the key, the nodes of table and list, the objects themselves. In bytes, rounded up.</summary>
    public const int Overhead = 320;

    private readonly Lock _sync = new();
    private readonly Dictionary<AnswerKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new();
    private readonly TimeProvider _time;
    private readonly CacheMetrics _metrics;
    private CacheSettings _settings = CacheSettings.Default;
    private long _bytes;

    public LocalAnswers(TimeProvider time, CacheMetrics metrics)
    {
        _time = time;
        _metrics = metrics;
        metrics.Observe(this);
    }

    public CacheSettings Settings => Volatile.Read(ref _settings);

    /// <summary>What is held, overhead included.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public int Count
    {
        get
        {
            lock (_sync)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>Takes other settings; what no longer fits goes at once, what is kept keeps its time.</summary>
    public void Reconfigure(CacheSettings settings)
    {
        lock (_sync)
        {
            Volatile.Write(ref _settings, settings);
            MakeRoom();
        }
    }

    public KeptAnswer? Find(AnswerKey key)
    {
        lock (_sync)
        {
            if (!_entries.TryGetValue(key, out var node))
            {
                return null;
            }

            if (IsOver(node.Value))
            {
                Evict(node);
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddLast(node);
            return node.Value.Answer;
        }
    }

    /// <summary>Keeps an answer for <paramref name="ttl"/>, in place of an older one; not if it is larger than one may be.</summary>
    public void Keep(AnswerKey key, KeptAnswer answer, TimeSpan ttl)
    {
        var entry = new Entry(key, answer, _time.GetTimestamp() + (long)(ttl.TotalSeconds * _time.TimestampFrequency));
        lock (_sync)
        {
            if (_entries.TryGetValue(key, out var old))
            {
                Remove(old);
            }

            if (ttl <= TimeSpan.Zero || entry.Bytes > _settings.LargestAnswer)
            {
                return;
            }

            _entries.Add(key, _byUse.AddLast(entry));
            Volatile.Write(ref _bytes, _bytes + entry.Bytes);
            MakeRoom();
        }
    }

    private bool IsOver(Entry entry) => _time.GetTimestamp() >= entry.Until;

    private void MakeRoom()
    {
        while (_byUse.First is { } eldest && (_bytes > _settings.MaxBytes || IsOver(eldest.Value)))
        {
            Evict(eldest);
        }
    }

    private void Evict(LinkedListNode<Entry> node)
    {
        Remove(node);
        _metrics.Evicted();
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _entries.Remove(node.Value.Key);
        _byUse.Remove(node);
        Volatile.Write(ref _bytes, _bytes - node.Value.Bytes);
    }

    private sealed record Entry(AnswerKey Key, KeptAnswer Answer, long Until)
    {
        public long Bytes { get; } = Overhead + Answer.Body.Length + (2L * ((Answer.ContentType?.Length ?? 0) + Answer.Dropped.Sum(field => field.Length)));
    }
}
