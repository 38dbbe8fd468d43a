namespace Weir.Retrieval.Collections;

/// <summary>What is to be changed of a collection; null: it stays as it is, or is the default.</summary>
public sealed record CollectionChange
{
    /// <summary>An entry of embeddings.models. Another one than before: everything is embedded again in the background.</summary>
    public string? EmbeddingModel { get; init; }

    /// <summary>How documents are cut. Another way than before: the same.</summary>
    public CollectionChunkChange? Chunk { get; init; }

    /// <summary>How much each part of a hybrid search counts.</summary>
    public CollectionWeightsChange? Weights { get; init; }

    /// <summary>It belongs to everybody; an admin alone may ask for it.</summary>
    public bool Global { get; init; }
}

/// <summary>A change of how documents are cut; null: it stays as it is, or is the default.</summary>
public sealed record CollectionChunkChange
{
    /// <summary>The most tokens of one chunk, from 16 to 8192.</summary>
    public int? Tokens { get; init; }

    /// <summary>How many tokens of a chunk the next one repeats, at most half of tokens. Null: as before, and no more than that half.</summary>
    public int? Overlap { get; init; }

    public static implicit operator CollectionChunkChange(CollectionChunkOptions options) => new() { Tokens = options.Tokens, Overlap = options.Overlap };

    internal CollectionChunkOptions Of(CollectionChunkOptions before)
    {
        var tokens = Tokens ?? before.Tokens;
        return new CollectionChunkOptions { Tokens = tokens, Overlap = Overlap ?? Math.Min(before.Overlap, Math.Max(tokens, 0) / 2) };
    }
}

/// <summary>A change of how much each part counts; null: it stays as it is, or is the default.</summary>
public sealed record CollectionWeightsChange
{
    /// <summary>Of likeness in meaning, from 0 to 1.</summary>
    public double? Dense { get; init; }

    /// <summary>Of words in common, from 0 to 1.</summary>
    public double? Sparse { get; init; }

    public static implicit operator CollectionWeightsChange(CollectionWeightsOptions options) => new() { Dense = options.Dense, Sparse = options.Sparse };

    internal CollectionWeightsOptions Of(CollectionWeightsOptions before) => new() { Dense = Dense ?? before.Dense, Sparse = Sparse ?? before.Sparse };
}
