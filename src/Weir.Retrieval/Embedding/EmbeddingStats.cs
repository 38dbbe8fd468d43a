namespace Weir.Retrieval.Embedding;

/// <summary>What the embedding service has done since this process started, and what it holds now.</summary>
public sealed record EmbeddingStats
{
    public required EmbeddingCacheStats Cache { get; init; }

    /// <summary>Inputs asked for, duplicates included: the sum of <see cref="Hits"/>, <see cref="Coalesced"/>, <see cref="Misses"/> and <see cref="Unanswered"/>.</summary>
    public required long Inputs { get; init; }

    /// <summary>Inputs whose vector was known, here or in the state store.</summary>
    public required long Hits { get; init; }

    /// <summary>Inputs that had to be made.</summary>
    public required long Misses { get; init; }

    /// <summary>Inputs that were already being made for another caller, or stood earlier in the same request.</summary>
    public required long Coalesced { get; init; }

    /// <summary>Inputs of requests that failed or whose caller left.</summary>
    public required long Unanswered { get; init; }

    /// <summary>Hits over hits and misses; 0 where there were none.</summary>
    public double HitRate => Hits + Misses == 0 ? 0 : (double)Hits / (Hits + Misses);

    /// <summary>Calls to models of providers.</summary>
    public required long UpstreamCalls { get; init; }

    /// <summary>Inputs that are being made now.</summary>
    public required int InFlight { get; init; }

    public required EmbeddingBatchStats Batches { get; init; }

    public required EncoderStats Encoders { get; init; }

    public required IReadOnlyList<EmbeddingModelInfo> Models { get; init; }

    public required PreloadProgress Preload { get; init; }

    /// <summary>Who asked, the most recent first; those that are no longer counted by themselves stand together as <c>others</c>.</summary>
    public required IReadOnlyList<EmbeddingClientStats> Clients { get; init; }
}

/// <summary>What is kept.</summary>
public sealed record EmbeddingCacheStats
{
    public required long Entries { get; init; }

    /// <summary>With everything that keeping them takes.</summary>
    public required long Bytes { get; init; }

    public required long MaxBytes { get; init; }

    public required long Evictions { get; init; }

    /// <summary>Whether the state store keeps vectors too.</summary>
    public required bool Persist { get; init; }

    /// <summary>Inputs whose vector came from the state store.</summary>
    public required long StoreHits { get; init; }

    /// <summary>Reads that the store did not answer in time or failed: they counted as misses.</summary>
    public required long StoreFaults { get; init; }

    /// <summary>Values in the store that were not what they should be: they counted as misses.</summary>
    public required long StoreCorrupt { get; init; }

    public required long StoreWrites { get; init; }

    /// <summary>Vectors that were not written, because too many waited or the store failed.</summary>
    public required long StoreDropped { get; init; }

    /// <summary>Vectors that wait to be written.</summary>
    public required int StorePending { get; init; }
}

/// <summary>Inputs that were made together.</summary>
/// <param name="Count">Batches of local models and calls to providers.</param>
/// <param name="MeanInputs">0 where there were none.</param>
/// <param name="Sizes">How many batches had up to so many inputs.</param>
public sealed record EmbeddingBatchStats(long Count, double MeanInputs, IReadOnlyList<EmbeddingBatchSize> Sizes);

/// <param name="UpTo">The most inputs that are counted here; null: any number.</param>
/// <param name="Count">Batches with more than the one before allows.</param>
public sealed record EmbeddingBatchSize(int? UpTo, long Count);

/// <summary>The threads on which local models run.</summary>
/// <param name="Threads">Now.</param>
/// <param name="MaxThreads">The most there may be.</param>
/// <param name="Queued">Inputs that wait.</param>
/// <param name="QueuedBytes">What those hold.</param>
/// <param name="Refused">Inputs that found the queue full.</param>
public sealed record EncoderStats(int Threads, int MaxThreads, int Queued, long QueuedBytes, long Refused);

/// <summary>A model and how it is.</summary>
public sealed record EmbeddingModelInfo
{
    public required string Name { get; init; }

    public required EmbeddingModelKind Kind { get; init; }

    public required EmbeddingModelState State { get; init; }

    /// <summary>Null until it was loaded.</summary>
    public string? Revision { get; init; }

    /// <summary>Null until it is known.</summary>
    public int? Dimensions { get; init; }

    /// <summary>What it holds in memory; null while it is not loaded.</summary>
    public long? Bytes { get; init; }

    /// <summary>Why it could not be loaded the last time. A model that is ready in spite of it is the last one that could.</summary>
    public string? Error { get; init; }
}

/// <summary>How a model is.</summary>
public enum EmbeddingModelState
{
    /// <summary>It comes at its next use.</summary>
    Unloaded,

    Loading,

    Ready,

    /// <summary>It could not be loaded; it is tried again when it is asked for.</summary>
    Failed,
}

/// <summary>What one client asked for.</summary>
public sealed record EmbeddingClientStats
{
    public required string Tenant { get; init; }

    public required string Client { get; init; }

    public required long Requests { get; init; }

    public required long Hits { get; init; }

    public required long Misses { get; init; }

    public required long Coalesced { get; init; }

    /// <summary>Of all its inputs, paid for or not.</summary>
    public required long Tokens { get; init; }

    public required DateTimeOffset LastSeen { get; init; }

    /// <summary>Hits over hits and misses; 0 where there were none.</summary>
    public double HitRate => Hits + Misses == 0 ? 0 : (double)Hits / (Hits + Misses);
}

/// <summary>How far embedding in advance has come.</summary>
/// <param name="Running">Whether it is under way.</param>
/// <param name="Total">Texts found so far.</param>
/// <param name="Done">Texts whose vectors are known now.</param>
/// <param name="Failed">Texts that could not be embedded or read.</param>
/// <param name="Sources">Each file and catalog; over HTTP for admins only.</param>
public sealed record PreloadProgress(bool Running, long Total, long Done, long Failed, IReadOnlyList<PreloadSourceProgress> Sources);

/// <param name="Name">As it is configured, or the file that matched.</param>
/// <param name="Total">Texts found so far.</param>
/// <param name="Done">Texts whose vectors are known now.</param>
/// <param name="Failed">Texts that could not be embedded or read.</param>
/// <param name="Error">The first thing that went wrong; null: nothing.</param>
public sealed record PreloadSourceProgress(string Name, long Total, long Done, long Failed, string? Error);
