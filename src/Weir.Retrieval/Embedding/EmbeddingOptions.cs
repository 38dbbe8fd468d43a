using System.ComponentModel.DataAnnotations;

namespace Weir.Retrieval.Embedding;

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
