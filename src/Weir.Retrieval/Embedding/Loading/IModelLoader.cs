namespace Weir.Retrieval.Embedding.Loading;

/// <summary>Makes models of what is configured.</summary>
internal interface IModelLoader
{
    /// <summary>
    /// What the model depends on besides its options, cheaply: for files their lengths and times, for a route its provider's model. Where it differs
    /// from what it was, the model is loaded again.
    /// </summary>
    string StampOf(EmbeddingModelOptions options);

    /// <summary>Reads and maps files on the caller's thread.</summary>
    /// <exception cref="Exception">It cannot be loaded; the message says why in a sentence.</exception>
    IEmbeddingModel Load(EmbeddingModelOptions options);
}
