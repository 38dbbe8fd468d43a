using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Searching;
using Weir.Retrieval.Embedding.Preloading;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>The texts of everybody's catalogs, as <c>catalog:NAME</c> among what is embedded in advance. Read from the store: catalogs themselves stand on the embedding service.</summary>
internal sealed class CatalogPreload(CatalogDocuments documents, ToolBlobs blobs) : IPreloadSource
{
    public string Scheme => "catalog";

    public async ValueTask<IAsyncEnumerable<PreloadText>?> FindAsync(string name, CancellationToken cancellationToken) =>
        CatalogWriter.IsName(name)
        && await documents.ReadAsync(CatalogDocuments.KeyOf(null, name), cancellationToken).ConfigureAwait(false) is { Record: var record }
        && await blobs.ReadAsync(record.Blob, cancellationToken).ConfigureAwait(false) is { } tools
            ? TextsOf(tools, record.EmbeddingModel).ToAsyncEnumerable()
            : null;

    private static IEnumerable<PreloadText> TextsOf(IReadOnlyList<ToolDefinition> tools, string model)
    {
        foreach (var tool in tools)
        {
            foreach (var field in Enum.GetValues<ToolField>())
            {
                var text = ToolFields.Of(tool, field);
                if (!string.IsNullOrWhiteSpace(text))
                    yield return new PreloadText(text, model);
            }
        }
    }
}
