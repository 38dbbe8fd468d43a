namespace Weir.Retrieval.Embedding;

/// <summary>The account of whoever asks for embeddings: which models it may use, and what it has left.</summary>
public interface IEmbeddingAccount
{
    /// <returns>403 where it may not use the model; null: it may.</returns>
    RetrievalError? Check(string model);

    /// <summary>Asked before each request of the embedding service.</summary>
    /// <param name="model">Which model is asked for.</param>
    /// <param name="tokens">Estimated.</param>
    /// <param name="charge">To settle when it is known what was used, and to dispose in any case. Null where it is refused.</param>
    /// <returns>402, 403 or 429 where it is refused; null: go on.</returns>
    RetrievalError? TryEnter(string model, int tokens, out IEmbeddingCharge? charge);

    /// <summary>Counts what a request cost after it had ended: never refused, since it is spent.</summary>
    /// <param name="model">Which model was asked.</param>
    /// <param name="tokens">That were paid for.</param>
    /// <param name="cost">In dollars.</param>
    void Owe(string model, int tokens, double cost);
}

/// <summary>What one request of the embedding service costs its account; without <see cref="Settle"/>, nothing.</summary>
public interface IEmbeddingCharge : IDisposable
{
    /// <summary>At most once.</summary>
    /// <param name="tokens">That were paid for.</param>
    /// <param name="cost">In dollars.</param>
    void Settle(int tokens, double cost);
}
