using System.Diagnostics.CodeAnalysis;

namespace Weir.Retrieval.Embedding.Caching;

/// <summary>The vectors that this process keeps: bounded in bytes, and in parts, so that cores seldom meet at a lock. Safe from any thread.</summary>
internal sealed class VectorCache
{
    private const int Parts = 16;

    private readonly VectorShard[] _shards = new VectorShard[Parts];
    private long _maxBytes;

    public VectorCache(long maxBytes)
    {
        for (var i = 0; i < Parts; i++)
            _shards[i] = new VectorShard();
        Bound(maxBytes);
    }

    /// <summary>The most that it holds, overhead included, a sixteenth in each part.</summary>
    public long MaxBytes => Volatile.Read(ref _maxBytes);

    public void Bound(long maxBytes)
    {
        Volatile.Write(ref _maxBytes, maxBytes);
        foreach (var shard in _shards)
            shard.Bound(maxBytes / Parts);
    }

    /// <param name="key">What is looked for.</param>
    /// <param name="precision">What is kept less exactly than this counts as absent.</param>
    /// <param name="length">What has another counts as absent; 0: any.</param>
    /// <param name="vector">What is kept.</param>
    public bool TryGet(in VectorKey key, VectorPrecision precision, int length, [NotNullWhen(true)] out KeptVector? vector) =>
        Of(key).TryGet(key, out vector) && (length == 0 || vector.Dimensions == length) && (vector.Precision == VectorPrecision.Float32 || precision == VectorPrecision.Int8);

    public bool Contains(in VectorKey key) => Of(key).Contains(key);

    public void Put(in VectorKey key, KeptVector vector) => Of(key).Put(key, vector);

    /// <returns>How many were there.</returns>
    public long Clear() => _shards.Sum(shard => (long)shard.Clear());

    public (long Entries, long Bytes, long Evictions) Count()
    {
        var (entries, bytes, evictions) = (0L, 0L, 0L);
        foreach (var shard in _shards)
        {
            var (some, theirs, gone) = shard.Count();
            (entries, bytes, evictions) = (entries + some, bytes + theirs, evictions + gone);
        }

        return (entries, bytes, evictions);
    }

    private VectorShard Of(in VectorKey key) => _shards[(int)(key.A % Parts)];
}
