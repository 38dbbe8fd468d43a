using System.Buffers;

namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>A tool that was found.</summary>
/// <param name="Tool">Its place in the index.</param>
/// <param name="Score">0 to 1.</param>
/// <param name="Parts">The similarity of each field, by <see cref="ToolField"/>, from 0 to 1.</param>
/// <param name="Name">How much the query names it.</param>
internal readonly record struct RankedTool(int Tool, float Score, float[] Parts, NameMatch Name);

/// <summary>How much a query names a tool.</summary>
internal enum NameMatch
{
    None,

    /// <summary>Its whole name stands among other words.</summary>
    Mentioned,

    /// <summary>It is its name, and nothing else.</summary>
    Exact,
}

/// <summary>
/// Ranks the tools of an index. The score is the sum of the fields' similarities by the catalog's weights, as shares of 1. A field's similarity is half the cosine
/// of the vectors (what is below 0 counts as 0), half the share of the query's words that stand there, each by how rare it is; without vectors it is the latter
/// alone. A query that is a tool's name scores 1; one that holds it whole among other words goes half of the way to 1.
/// </summary>
internal static class ToolRanking
{
    /// <summary>What vectors count for beside words.</summary>
    public const float DenseShare = 0.5f;

    /// <param name="index">Where.</param>
    /// <param name="query">For what.</param>
    /// <param name="vector">The query's; empty: words alone decide.</param>
    /// <param name="filter">What may be found.</param>
    /// <param name="most">So many are given, best first; equals by name.</param>
    /// <param name="least">Nothing below this score.</param>
    public static List<RankedTool> Search(ToolIndex index, string query, ReadOnlySpan<float> vector, Func<ToolDefinition, bool>? filter, int most, double least)
    {
        var words = QueryWords.Of(query).ConvertAll(word => (word.Term, index.RarityOf(word.Term)));
        var parts = new float[ToolFields.Count][];
        var whole = Math.Max(words.Sum(word => word.Item2), float.Epsilon);
        for (var field = 0; field < parts.Length; field++)
        {
            parts[field] = new float[index.Tools.Count];
            index.Fields[field].Score(words, whole, parts[field]);
            Blend(parts[field], vector.IsEmpty ? null : index.Vectors?[field], vector);
        }

        return Rank(index, parts, query, filter, most, least);
    }

    /// <summary>What is like a tool, itself left out. A field's similarity is half the cosine of the vectors, half the share of words that both have.</summary>
    public static List<RankedTool> Similar(ToolIndex index, int tool, Func<ToolDefinition, bool>? filter, int most)
    {
        var parts = new float[ToolFields.Count][];
        for (var field = 0; field < parts.Length; field++)
        {
            parts[field] = new float[index.Tools.Count];
            var words = index.Fields[field].TermsOf(tool).Select(term => (term, index.RarityOf(term))).ToList();
            index.Fields[field].Score(words, Math.Max(words.Sum(word => word.Item2), float.Epsilon), parts[field]);
            if (index.Vectors?[field] is { } vectors && vectors.Of(tool) is { } own)
                Blend(parts[field], vectors, own.Span);
        }

        var name = index.Tools[tool].Name;
        return Rank(index, parts, null, other => other.Name != name && (filter is null || filter(other)), most, 0);
    }

    private static void Blend(Span<float> lexical, FieldVectors? vectors, ReadOnlySpan<float> query)
    {
        if (vectors is null)
            return;
        var rented = ArrayPool<float>.Shared.Rent(lexical.Length);
        var dense = rented.AsSpan(0, lexical.Length);
        vectors.Score(query, dense);
        for (var i = 0; i < lexical.Length; i++)
            lexical[i] = (DenseShare * dense[i]) + ((1 - DenseShare) * lexical[i]);
        ArrayPool<float>.Shared.Return(rented);
    }

    private static List<RankedTool> Rank(ToolIndex index, float[][] parts, string? query, Func<ToolDefinition, bool>? filter, int most, double least)
    {
        var weights = Shares(index.Entry.Record.Weights);
        var names = query is null ? null : new NameMatcher(query);
        var best = new PriorityQueue<RankedTool, (float, string)>(Worst);
        for (var tool = 0; tool < index.Tools.Count; tool++)
        {
            var definition = index.Tools[tool];
            if (filter is not null && !filter(definition))
                continue;
            var score = 0f;
            for (var field = 0; field < parts.Length; field++)
                score += weights[field] * parts[field][tool];
            var match = names?.Match(definition.Name, index.NameWords[tool]) ?? NameMatch.None;
            score = match switch { NameMatch.Exact => 1, NameMatch.Mentioned => (1 + score) / 2, _ => Math.Clamp(score, 0, 1) };
            if (score <= 0 || score < least || (best.Count == most && !IsBetter(score, definition.Name, best)))
                continue;
            var found = new RankedTool(tool, score, [parts[0][tool], parts[1][tool], parts[2][tool]], match);
            if (best.Count == most)
                best.DequeueEnqueue(found, (score, definition.Name));
            else
                best.Enqueue(found, (score, definition.Name));
        }

        var ranked = new List<RankedTool>(best.Count);
        while (best.TryDequeue(out var next, out _))
            ranked.Add(next);
        ranked.Reverse();
        return ranked;
    }

    private static readonly Comparer<(float Score, string Name)> Worst = Comparer<(float Score, string Name)>.Create(static (a, b) =>
        a.Score != b.Score ? a.Score.CompareTo(b.Score) : string.CompareOrdinal(b.Name, a.Name));

    private static bool IsBetter(float score, string name, PriorityQueue<RankedTool, (float, string)> best) =>
        best.TryPeek(out _, out var worst) && Worst.Compare((score, name), worst) > 0;

    private static float[] Shares(CatalogWeightOptions weights)
    {
        var sum = weights.Description + weights.Parameters + weights.Functionality;
        return [.. Enum.GetValues<ToolField>().Select(field => (float)(sum > 0 ? ToolFields.WeightOf(weights, field) / sum : 1.0 / ToolFields.Count))];
    }
}
