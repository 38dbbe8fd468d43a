namespace Weir.Retrieval.Embedding;

/// <summary>What is to be embedded.</summary>
public sealed record EmbeddingRequest
{
    /// <summary>The name of an embedding model in the configuration.</summary>
    public required string Model { get; init; }

    /// <summary>In the order of the answer; the same input may stand there often and is embedded once.</summary>
    public required IReadOnlyList<EmbeddingInput> Inputs { get; init; }

    /// <summary>Fewer than the model's: the vector's beginning, brought to unit length again. Null: all of them.</summary>
    public int? Dimensions { get; init; }

    public required EmbeddingAsker Asker { get; init; }
}

/// <summary>The vectors, or why there are none.</summary>
public sealed record EmbeddingResult
{
    /// <summary>Null: it succeeded.</summary>
    public RetrievalError? Error { get; init; }

    /// <summary>In the order of the inputs. They are shared with the cache: nobody writes to them.</summary>
    public IReadOnlyList<ReadOnlyMemory<float>> Vectors { get; init; } = [];

    /// <summary>Of the model that made them.</summary>
    public string Revision { get; init; } = "";

    /// <summary>Of all inputs, as the model counts them; estimated where it does not.</summary>
    public int Tokens { get; init; }

    /// <summary>Inputs whose vectors were known already.</summary>
    public int Hits { get; init; }

    /// <summary>Inputs that somebody else was already waiting for.</summary>
    public int Joined { get; init; }

    /// <summary>Whether a provider makes them: its tokens are counted with the call to it.</summary>
    public bool IsOfProvider { get; init; }

    /// <summary>Tokens that were paid for by this request.</summary>
    public int PaidTokens { get; init; }

    /// <summary>What this request cost, in dollars.</summary>
    public double Cost { get; init; }
}
