using Weir.Retrieval.Embedding.Routed;
using Weir.Retrieval.Models.Hashing;

namespace Weir.Retrieval.Embedding.Loading;

/// <summary>Makes models by their kind.</summary>
/// <param name="routes">The way to models of providers, asked for when a model of one is loaded; null where there is none.</param>
internal sealed class ModelLoader(Func<IEmbeddingRoute?> routes) : IModelLoader
{
    private const int UsualDimensions = 384;

    public string StampOf(EmbeddingModelOptions options) => options.Kind switch
    {
        EmbeddingModelKind.Static => FolderStamp.Of(FolderOf(options)),
        EmbeddingModelKind.Route => IdentityOf(options),
        _ => "",
    };

    public IEmbeddingModel Load(EmbeddingModelOptions options) => options.Kind switch
    {
        EmbeddingModelKind.Hashing => new HashingModel(options.Dimensions ?? UsualDimensions),
        EmbeddingModelKind.Static => Models.Static.StaticModel.Load(FolderOf(options)),
        EmbeddingModelKind.Route => new RoutedModel(routes()!, options.Route!, IdentityOf(options)),
        _ => throw new InvalidOperationException($"There is no kind of embedding model '{options.Kind}'."),
    };

    private static string FolderOf(EmbeddingModelOptions options) =>
        options.Path is { Length: > 0 } path ? Path.GetFullPath(path) : throw new InvalidOperationException("A static model needs the path of its folder.");

    private string IdentityOf(EmbeddingModelOptions options)
    {
        if (options.Route is not { Length: > 0 } name)
            throw new InvalidOperationException("A model of kind route needs the name of a route.");
        var route = routes() ?? throw new InvalidOperationException("There are no routes here.");
        return route.IdentityOf(name) ?? throw new InvalidOperationException($"There is no route '{name}'.");
    }
}
