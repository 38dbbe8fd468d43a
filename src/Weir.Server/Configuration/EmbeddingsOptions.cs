using System.ComponentModel.DataAnnotations;
using Weir.Inference.Routing;
using Weir.Retrieval.Embedding;

namespace Weir.Server.Configuration;

/// <summary>One embedding service for all who share this server.</summary>
public sealed record EmbeddingsOptions
{
    /// <summary>What a model is called that nobody has named.</summary>
    public const string DefaultModel = "default";

    /// <summary>Embedding models by name. Where none is named default there is one beside these: of kind hashing, with 384 dimensions.</summary>
    public IReadOnlyDictionary<string, EmbeddingModelOptions> Models { get; init; } = new Dictionary<string, EmbeddingModelOptions>();

    /// <summary>How vectors are kept, to be given again for the same text.</summary>
    public EmbeddingsCacheOptions Cache { get; init; } = new();

    /// <summary>Files whose lines are embedded after the start, as patterns such as ./preload/*.txt: lines of text, or of JSON with a field text. Default: none.</summary>
    public IReadOnlyList<string> Preload { get; init; } = [];

    /// <summary>How long a model's weights stay in memory after their last use, from 1 s to 30 days; they come back at the next one. off or 0s keeps them. Default 30m.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public Rhythm? UnloadIdle { get; init; }

    /// <summary>As the service takes them.</summary>
    public EmbeddingOptions ToService() => new()
    {
        Models = ModelsWithDefault(),
        Cache = new EmbeddingCacheOptions { MaxBytes = Cache.MaxBytes.Bytes, Persist = Cache.Persist, Precision = Cache.Precision },
        Preload = Preload,
        UnloadIdle = UnloadIdle?.Every ?? TimeSpan.FromMinutes(30),
    };

    /// <summary>Those that there are in fact.</summary>
    public IReadOnlyDictionary<string, EmbeddingModelOptions> ModelsWithDefault() => Models.ContainsKey(DefaultModel)
        ? Models
        : new Dictionary<string, EmbeddingModelOptions>(Models, StringComparer.Ordinal) { [DefaultModel] = new() };
}

/// <summary>How vectors are kept, to be given again for the same text.</summary>
public sealed record EmbeddingsCacheOptions
{
    /// <summary>What vectors may hold in this process, and again in the store, from 1MB to 64GB; the least recently used goes first.</summary>
    [Range(1048576.0, 68719476736.0)]
    public ByteSize MaxBytes { get; init; } = new(512L << 20);

    /// <summary>Whether they are kept across restarts and shared between replicas.</summary>
    public bool Persist { get; init; } = true;

    /// <summary>How vectors of hashing and static models are kept: float32, or int8, which takes a quarter. Those of a provider stay as they came, unless their model itself says otherwise.</summary>
    public VectorPrecision Precision { get; init; } = VectorPrecision.Float32;
}
