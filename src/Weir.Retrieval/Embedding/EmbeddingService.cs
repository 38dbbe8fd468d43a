namespace Weir.Retrieval.Embedding;

/// <summary>One embedding service for all who share this server.</summary>
/// <param name="models">The models by name.</param>
public sealed class EmbeddingService(IReadOnlyDictionary<string, ILocalModel> models)
{
    /// <summary>The models by name.</summary>
    public IReadOnlyCollection<string> Models => [.. models.Keys];

    /// <summary>Whether there is a model of this name.</summary>
    public bool Has(string model) => models.ContainsKey(model);

    /// <summary>The vectors of a request, or why there are none.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled: work that others wait for goes on.</exception>
    public ValueTask<EmbeddingResult> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!models.TryGetValue(request.Model, out var model))
            return new(new EmbeddingResult { Error = NotFound(request.Model) });

        var vectors = new ReadOnlyMemory<float>[request.Inputs.Count];
        for (var i = 0; i < vectors.Length; i++)
        {
            var vector = new float[model.Dimensions];
            model.Embed(request.Inputs[i], vector);
            vectors[i] = vector;
        }

        return new(new EmbeddingResult { Vectors = vectors, Revision = model.Revision });
    }

    /// <summary>The model, loaded if it was not; whoever holds the lease keeps it from being unloaded.</summary>
    public ValueTask<(ModelLease? Model, RetrievalError? Error)> AcquireAsync(string model, CancellationToken cancellationToken = default) =>
        models.TryGetValue(model, out var found) ? new((new ModelLease(found, static () => { }), null)) : new((null, NotFound(model)));

    private static RetrievalError NotFound(string model) => new(404, "model_not_found", $"There is no embedding model '{model}' here.") { Param = "model" };
}

/// <summary>A model in use: while it is held, it is not unloaded.</summary>
public sealed class ModelLease(IEmbeddingModel model, Action release) : IDisposable
{
    public IEmbeddingModel Model => model;

    public void Dispose() => release();
}
