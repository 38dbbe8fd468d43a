using Weir.Retrieval.Catalogs.Searching;
using Weir.Retrieval.Models.Hashing;

namespace Weir.Tests.Retrieval.Catalogs.Searching;

/// <summary>How often the right tool is found for what people say. The floors have room: they see a ranking that broke, not one that moved.</summary>
public sealed class ToolSearchQualityTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(true, 0.65, 0.85)]
    [InlineData(false, 0.62, 0.85)]
    public void Search_QuestionsInUsersWords_FindTheTool(bool vectors, double first, double fifth)
    {
        var index = Indexing.Of(ToolSet.Tools, vectors ? new HashingModel() : null);
        var ranks = ToolSet.Queries.Select(asked =>
        {
            var found = Indexing.Search(index, asked.Query, vectors ? new HashingModel() : null, 5);
            var rank = found.FindIndex(hit => index.Tools[hit.Tool].Name == asked.Tool);
            if (rank != 0)
                output.WriteLine($"{asked.Query} → {asked.Tool} at {rank}: {string.Join(", ", found.Select(hit => $"{index.Tools[hit.Tool].Name} {hit.Score:0.00}"))}");
            return rank;
        }).ToList();

        var (one, five) = (ranks.Count(rank => rank == 0) / (double)ranks.Count, ranks.Count(rank => rank >= 0) / (double)ranks.Count);
        output.WriteLine($"{ToolSet.Tools.Count} tools, {ranks.Count} queries: recall@1 {one:0.000}, recall@5 {five:0.000}");
        one.ShouldBeGreaterThanOrEqualTo(first);
        five.ShouldBeGreaterThanOrEqualTo(fifth);
    }
}
