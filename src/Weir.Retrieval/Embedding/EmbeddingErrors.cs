namespace Weir.Retrieval.Embedding;

/// <summary>What the service says where it cannot embed.</summary>
internal static class EmbeddingErrors
{
    public const string Overloaded = "embeddings_overloaded";

    /// <summary>The gateway's word for it too.</summary>
    public const string DeadlineExceeded = "deadline_exceeded";

    public static RetrievalError NoModel(string name) =>
        new(404, "model_not_found", $"There is no embedding model '{name}' here.") { Param = "model" };

    public static RetrievalError Late(TimeSpan timeout) =>
        new(504, DeadlineExceeded, $"The embeddings were not there within {timeout.TotalSeconds:0.###} s. Allow more time with x-weir-timeout, or send fewer inputs.");

    public static RetrievalError Full(TimeSpan retryAfter) =>
        new(429, Overloaded, "Too many inputs wait to be embedded. Try again later, or send fewer at once.") { RetryAfter = retryAfter };

    public static RetrievalError Failed(string model) =>
        new(500, "embedding_failed", $"The embedding model '{model}' failed on this input; the log says how.") { Param = "input" };

    public static RetrievalError TooTangled(string model) =>
        new(422, "input_too_complex", $"The tokenizer of the embedding model '{model}' gave up on this input: its patterns take too long there. Cut it into parts.") { Param = "input" };

    public static RetrievalError Internal { get; } =
        new(500, "embedding_failed", "The embedding service failed; the log says how.");

    public static RetrievalError LengthChanged(string model) =>
        new(503, "embedding_model_changed", $"The provider's vectors of the embedding model '{model}' have another length than those that were kept. Ask again.")
        {
            Param = "model",
            RetryAfter = TimeSpan.FromSeconds(1),
        };

    public static RetrievalError BadAnswer(string why) =>
        new(502, "bad_embeddings", $"The provider's embeddings cannot be used: {why}.");
}
