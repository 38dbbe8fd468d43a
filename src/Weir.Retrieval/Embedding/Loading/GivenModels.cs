namespace Weir.Retrieval.Embedding.Loading;

/// <summary>Models that somebody made already; their names stand where a path would.</summary>
internal sealed class GivenModels(IReadOnlyDictionary<string, ILocalModel> models) : IModelLoader
{
    /// <summary>They stay loaded: they cannot be made again.</summary>
    public EmbeddingOptions Options => new()
    {
        Models = models.Keys.ToDictionary(name => name, name => new EmbeddingModelOptions { Path = name }),
        UnloadIdle = TimeSpan.Zero,
    };

    public string StampOf(EmbeddingModelOptions options) => "";

    public IEmbeddingModel Load(EmbeddingModelOptions options) => models[options.Path!];
}
