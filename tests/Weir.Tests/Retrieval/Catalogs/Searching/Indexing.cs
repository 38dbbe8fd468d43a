using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Searching;
using Weir.Retrieval.Embedding;

namespace Weir.Tests.Retrieval.Catalogs.Searching;

/// <summary>An index of tools without a store around it.</summary>
internal static class Indexing
{
    public static ToolIndex Of(IReadOnlyList<ToolDefinition> tools, ILocalModel? model = null, CatalogWeightOptions? weights = null)
    {
        var record = new CatalogRecord { Id = "x", Name = "tools", Weights = weights ?? new CatalogWeightOptions() };
        var texts = Array.ConvertAll(Enum.GetValues<ToolField>(), field => (IReadOnlyList<string>)[.. tools.Select(tool => ToolFields.Of(tool, field))]);
        var index = ToolIndex.Build(new CatalogEntry("catalog/tools/global/tools", 1, record), tools, texts);
        if (model is null)
            return index;
        return index.With(Array.ConvertAll(texts, field =>
        {
            var blocks = field.Chunk(FieldVectors.BlockRows).Select(chunk => chunk.SelectMany(text => Embed(model, text)).ToArray()).ToArray();
            return new FieldVectors(model.Dimensions, blocks, [.. Enumerable.Range(0, field.Count).Select(row => field[row].Length == 0 ? -1 : row)]);
        }), model.Revision);
    }

    public static List<RankedTool> Search(ToolIndex index, string query, ILocalModel? model = null, int most = 5, Func<ToolDefinition, bool>? filter = null, double least = 0) =>
        ToolRanking.Search(index, query, model is null ? [] : Embed(model, query), filter, most, least);

    public static float[] Embed(ILocalModel model, string text)
    {
        var vector = new float[model.Dimensions];
        model.Embed(EmbeddingInput.OfText(text), vector);
        return vector;
    }
}
