using System.ComponentModel.DataAnnotations;

namespace Weir.Retrieval.Collections;

/// <summary>A global collection that is made at start where there is none of its name; afterwards what is stored wins.</summary>
public sealed record CollectionOptions
{
    /// <summary>An entry of embeddings.models.</summary>
    public string EmbeddingModel { get; init; } = "default";

    /// <summary>How documents are cut.</summary>
    public CollectionChunk Chunk { get; init; } = new();

    /// <summary>How much each part of a hybrid search counts.</summary>
    public CollectionWeights Weights { get; init; } = new();

    /// <summary>Files to keep in it: patterns of paths with <c>*</c> and <c>**</c>, separated by commas; .md, .txt and .jsonl are read. Null: none.</summary>
    public string? Load { get; init; }
}

/// <summary>How documents are cut, in tokens of the collection's model (words / 0.75 where it has no tokenizer).</summary>
public sealed record CollectionChunk
{
    /// <summary>The most tokens of one chunk, from 16 to 8192. Default: 256.</summary>
    [Range(16, 8192)]
    public int Tokens { get; init; } = 256;

    /// <summary>How many tokens of a chunk the next one repeats, at most half of <see cref="Tokens"/>. Default: 32.</summary>
    [Range(0, 4096)]
    public int Overlap { get; init; } = 32;
}

/// <summary>How much each part of a hybrid search counts, each from 0 to 1, not both 0.</summary>
public sealed record CollectionWeights
{
    /// <summary>Of likeness in meaning. Default: 0.5.</summary>
    [Range(0.0, 1.0)]
    public double Dense { get; init; } = 0.5;

    /// <summary>Of words in common. Default: 0.5.</summary>
    [Range(0.0, 1.0)]
    public double Sparse { get; init; } = 0.5;
}
