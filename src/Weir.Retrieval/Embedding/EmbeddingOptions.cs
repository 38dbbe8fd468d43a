using System.ComponentModel.DataAnnotations;

namespace Weir.Retrieval.Embedding;

/// <summary>The embedding service, as configured.</summary>
public sealed record EmbeddingOptions
{
    /// <summary>The models by name. Default: none.</summary>
    public IReadOnlyDictionary<string, EmbeddingModelOptions> Models { get; init; } = new Dictionary<string, EmbeddingModelOptions>();

    public EmbeddingCacheOptions Cache { get; init; } = new();

    /// <summary>
    /// Texts to embed after start: patterns of files (<c>*</c> and <c>**</c>, relative to the working directory; every line of a .txt is a
    /// text, every line of a .jsonl a JSON string or an object with <c>text</c> and perhaps <c>model</c>), and <c>catalog:NAME</c>. Default: none.
    /// </summary>
    public IReadOnlyList<string> Preload { get; init; } = [];

    /// <summary>How long a model may be unused before it is unloaded; it comes back at its next use. Zero: it stays. Default: 30 minutes.</summary>
    public TimeSpan UnloadIdle { get; init; } = TimeSpan.FromMinutes(30);
}

/// <summary>What is kept of vectors that were made.</summary>
public sealed record EmbeddingCacheOptions
{
    /// <summary>In bytes, for this process and again for the state store; 0 keeps nothing. Default: 512 MiB.</summary>
    [Range(0, long.MaxValue)]
    public long MaxBytes { get; init; } = 512L << 20;

    /// <summary>Whether vectors are kept in the state store too, where they outlive a restart and other replicas find them. Default: true.</summary>
    public bool Persist { get; init; } = true;

    /// <summary>How vectors of local models are kept. Those of a provider are kept as they came unless the model itself says otherwise. Default: float32.</summary>
    public VectorPrecision Precision { get; init; } = VectorPrecision.Float32;
}

/// <summary>How a vector is kept.</summary>
#pragma warning disable CA1720 // They are what the settings say.
public enum VectorPrecision
{
    /// <summary>As it was made: four bytes for each dimension.</summary>
    Float32,

    /// <summary>One byte for each dimension and one scale for each vector, which keeps its length exact: a quarter of the memory.</summary>
    Int8,
}
#pragma warning restore CA1720

/// <summary>One embedding model, as configured.</summary>
public sealed record EmbeddingModelOptions
{
    /// <summary>hashing (no weights, lexical), static (a folder of weights in model2vec's layout), or route (any route of the gateway).</summary>
    public EmbeddingModelKind Kind { get; init; } = EmbeddingModelKind.Hashing;

    /// <summary>For hashing: the length of its vectors, from 64 to 4096. Default: 384.</summary>
    [Range(64, 4096)]
    public int? Dimensions { get; init; }

    /// <summary>For static: the folder with model.safetensors and tokenizer.json, relative to the working directory.</summary>
    public string? Path { get; init; }

    /// <summary>For route: the name of a route, or provider/model.</summary>
    public string? Route { get; init; }

    /// <summary>
    /// How this model's vectors are kept: float32 or int8. Default: what embeddings.cache.precision says for hashing and static, float32 for route.
    /// </summary>
    public VectorPrecision? Precision { get; init; }

    /// <summary>Whether this model's vectors are kept in the state store. Default: what embeddings.cache.persist says.</summary>
    public bool? Persist { get; init; }
}

/// <summary>How a model embeds.</summary>
public enum EmbeddingModelKind
{
    /// <summary>Character n-grams and words hashed into a vector: needs no weights, finds what is spelled alike.</summary>
    Hashing,

    /// <summary>The mean of learned vectors of tokens.</summary>
    Static,

    /// <summary>A model of a provider.</summary>
    Route,
}
