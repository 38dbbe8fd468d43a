using System.Globalization;

namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>Why a tool was found, for people: the similarity of each field that had any, and the words that were found there.</summary>
internal static class ToolReason
{
    private const float Least = 0.005f;
    private const int MostWords = 6;

    public static string Of(ToolIndex index, in RankedTool found, IReadOnlyList<ToolWord> words)
    {
        var parts = new List<(float Part, string Text)>();
        foreach (var field in Enum.GetValues<ToolField>())
        {
            var part = found.Parts[(int)field];
            if (part < Least)
                continue;
            var tool = found.Tool;
            var matched = words.Where(word => index.Fields[(int)field].Has(tool, word.Term)).OrderByDescending(word => index.RarityOf(word.Term)).ToList();
            // Where an identifier is told in one, its parts say nothing new.
            var told = matched.Where(word => word.IsWhole || !matched.Exists(other => other.IsWhole && other.Written.Contains(word.Written, StringComparison.Ordinal)))
                .Select(word => word.Written).Distinct(StringComparer.Ordinal).Take(MostWords).ToList();
            var why = told.Count > 0 ? string.Join(", ", told) : "alike, without a word in common";
            parts.Add((part, string.Create(CultureInfo.InvariantCulture, $"{ToolFields.NameOf(field)} {part:0.00} ({why})")));
        }

        var all = string.Join("; ", parts.OrderByDescending(part => part.Part).Select(part => part.Text));
        return found.Name switch
        {
            NameMatch.Exact => all.Length > 0 ? $"exactly its name; {all}" : "exactly its name",
            NameMatch.Mentioned => all.Length > 0 ? $"its name stands in the query; {all}" : "its name stands in the query",
            _ => all,
        };
    }
}
