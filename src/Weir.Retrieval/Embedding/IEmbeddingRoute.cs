namespace Weir.Retrieval.Embedding;

/// <summary>The way to models of others: the server leads it through the gateway, so that limits, retries and breakers hold.</summary>
public interface IEmbeddingRoute
{
    /// <summary>One call for all inputs; it divides what is too much for the provider.</summary>
    /// <param name="route">A route, or provider/model.</param>
    /// <param name="inputs">Each once, in the order of the answer.</param>
    /// <param name="dimensions">Null: as many as the model gives.</param>
    /// <param name="asker">For whom.</param>
    /// <param name="cancellationToken">Ends it.</param>
    ValueTask<RoutedEmbeddings> EmbedAsync(
        string route, IReadOnlyList<EmbeddingInput> inputs, int? dimensions, EmbeddingAsker asker, CancellationToken cancellationToken);

    /// <summary>What the vectors of a route depend on: its provider's model, as configured. Null: there is no such route.</summary>
    string? IdentityOf(string route);
}

/// <summary>What came of it.</summary>
public sealed record RoutedEmbeddings
{
    /// <summary>Null: it succeeded.</summary>
    public RetrievalError? Error { get; init; }

    /// <summary>In the order of the inputs, as the provider gave them.</summary>
    public IReadOnlyList<ReadOnlyMemory<float>> Vectors { get; init; } = [];

    /// <summary>As the provider counted; 0 where it did not.</summary>
    public int Tokens { get; init; }

    /// <summary>In dollars, from the price table.</summary>
    public double Cost { get; init; }
}

/// <summary>Who asks for embeddings.</summary>
/// <param name="Tenant">Whom it is done for.</param>
/// <param name="Client">Who is counted: a key's id, or a part of Weir such as <c>collection:handbook</c>.</param>
public sealed record EmbeddingAsker(string Tenant, string Client)
{
    /// <summary>0 to 9, 9 first.</summary>
    public int Priority { get; init; } = 5;

    /// <summary>Work that may wait for hours: it is done where no interactive one is kept waiting by it.</summary>
    public bool IsBackground { get; init; }

    /// <summary>Who pays, and by whose limits. Null: nobody's, as for what Weir does on its own.</summary>
    public IEmbeddingAccount? Account { get; init; }

    /// <summary>
    /// Takes what a call cost, in tokens and dollars, that these began and that ended after they had left: in no result, so nobody else pays for it.
    /// It is called from any thread, and must not wait. Null: nobody's.
    /// </summary>
    public Action<int, double>? Owes { get; init; }

    /// <summary>From now on, waiting included. Null: 10 minutes.</summary>
    public TimeSpan? Timeout { get; init; }
}
