using System.Globalization;

namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>Why a tool was found, for people: the similarity of each field that had any, and the words that were found there.</summary>
internal static class ToolReason
{
    private const float Least = 0.005f;
    private const int MostWords = 6;

    public static string Of(ToolIndex index, in RankedTool found, IReadOnlyList<ToolWord> words)
    {
        var parts = new List<(float Part, string Field, string Words)>();
        foreach (var field in Enum.GetValues<ToolField>())
        {
            if (found.Parts[(int)field] is var part and >= Least)
                parts.Add((part, string.Create(CultureInfo.InvariantCulture, $"{ToolFields.NameOf(field)} {part:0.00}"), Matched(index, field, found.Tool, words)));
        }

        parts.Sort((a, b) => b.Part.CompareTo(a.Part));
        var told = parts.Count == 0 ? "hardly alike"
            : parts.TrueForAll(part => part.Words.Length == 0) ? $"alike, without a word in common: {string.Join("; ", parts.Select(part => part.Field))}"
            : string.Join("; ", parts.Select(part => $"{part.Field} ({(part.Words.Length == 0 ? "alike" : part.Words)})"));
        return found.Name switch
        {
            NameMatch.Exact => parts.Count > 0 ? $"exactly its name; {told}" : "exactly its name",
            NameMatch.Mentioned => parts.Count > 0 ? $"its name stands in the query; {told}" : "its name stands in the query",
            _ => told,
        };
    }

    // Where an identifier is told in one, its parts say nothing new.
    private static string Matched(ToolIndex index, ToolField field, int tool, IReadOnlyList<ToolWord> words)
    {
        var matched = words.Where(word => index.Fields[(int)field].Has(tool, word.Term)).OrderByDescending(word => index.RarityOf(word.Term)).ToList();
        return string.Join(", ", matched.Where(word => word.IsWhole || !matched.Exists(other => other.IsWhole && other.Written.Contains(word.Written, StringComparison.Ordinal)))
            .Select(word => word.Written).Distinct(StringComparer.Ordinal).Take(MostWords));
    }
}
