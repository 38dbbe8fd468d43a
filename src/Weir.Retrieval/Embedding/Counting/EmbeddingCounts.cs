namespace Weir.Retrieval.Embedding.Counting;

/// <summary>What the service counts over all clients. Safe from any thread.</summary>
internal sealed class EmbeddingCounts
{
    private static readonly int[] Bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

    private readonly long[] _sizes = new long[Bounds.Length + 1];
    private long _inputs;
    private long _hits;
    private long _misses;
    private long _joined;
    private long _unanswered;
    private long _storeHits;
    private long _calls;
    private long _batches;
    private long _batchInputs;

    public long Inputs => Volatile.Read(ref _inputs);

    public long Hits => Volatile.Read(ref _hits);

    public long Misses => Volatile.Read(ref _misses);

    public long Joined => Volatile.Read(ref _joined);

    public long Unanswered => Volatile.Read(ref _unanswered);

    public long StoreHits => Volatile.Read(ref _storeHits);

    public long Calls => Volatile.Read(ref _calls);

    /// <summary>What was taken to an encoder together.</summary>
    public void Batched(int inputs)
    {
        Interlocked.Increment(ref _batches);
        Interlocked.Add(ref _batchInputs, inputs);
        var size = 0;
        while (size < Bounds.Length && inputs > Bounds[size])
            size++;
        Interlocked.Increment(ref _sizes[size]);
    }

    /// <summary>A call to a provider.</summary>
    public void Called(int inputs)
    {
        Interlocked.Increment(ref _calls);
        Batched(inputs);
    }

    public void Answered(in RequestCount count)
    {
        Interlocked.Add(ref _inputs, count.Inputs);
        Interlocked.Add(ref _hits, count.Hits);
        if (count.Hits == count.Inputs && count.StoreHits == 0)
            return;
        Interlocked.Add(ref _misses, count.Misses);
        Interlocked.Add(ref _joined, count.Joined);
        Interlocked.Add(ref _storeHits, count.StoreHits);
    }

    public void Failed(int inputs)
    {
        Interlocked.Add(ref _inputs, inputs);
        Interlocked.Add(ref _unanswered, inputs);
    }

    public EmbeddingBatchStats Batches()
    {
        var count = Volatile.Read(ref _batches);
        var sizes = new EmbeddingBatchSize[_sizes.Length];
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = new EmbeddingBatchSize(i < Bounds.Length ? Bounds[i] : null, Volatile.Read(ref _sizes[i]));
        return new EmbeddingBatchStats(count, count == 0 ? 0 : (double)Volatile.Read(ref _batchInputs) / count, sizes);
    }
}

/// <summary>The inputs of one request by what became of them.</summary>
internal readonly record struct RequestCount(int Inputs, int Hits, int StoreHits, int Joined, int Tokens)
{
    public int Misses => Inputs - Hits - Joined;
}
