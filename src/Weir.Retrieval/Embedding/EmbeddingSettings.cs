namespace Weir.Retrieval.Embedding;

/// <summary>How the vectors of one model are kept.</summary>
/// <param name="Precision">Of a model's own, else of the service for local models, else as they came.</param>
/// <param name="Persist">Whether they are kept in the state store.</param>
internal readonly record struct EmbeddingSettings(VectorPrecision Precision, bool Persist)
{
    public static EmbeddingSettings Of(EmbeddingModelOptions model, EmbeddingCacheOptions cache) => new(
        model.Precision ?? (model.Kind == EmbeddingModelKind.Route ? VectorPrecision.Float32 : cache.Precision),
        model.Persist ?? cache.Persist);
}
