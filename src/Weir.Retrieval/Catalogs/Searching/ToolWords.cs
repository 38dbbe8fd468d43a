using System.Text;
using Weir.Retrieval.Text;

namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>A word as it is compared, and as it was written (folded).</summary>
/// <param name="Term">Without its ending.</param>
/// <param name="Written">With it.</param>
/// <param name="IsWhole">An identifier in one, an address, or a pair of characters: its parts stand beside it.</param>
internal readonly record struct ToolWord(string Term, string Written, bool IsWhole);

/// <summary>Cuts the texts of tools, and of those who look for them, into words: as <see cref="TextAnalyzer"/> does for documents.</summary>
internal static class ToolWords
{
    public static List<ToolWord> Of(string text)
    {
        var (terms, written) = (new Sink([]), new Sink([]));
        TextAnalyzer.Analyze(text, stemming: true, ref terms);
        TextAnalyzer.Analyze(text, stemming: false, ref written);
        var words = new List<ToolWord>(terms.Found.Count);
        for (var i = 0; i < terms.Found.Count; i++)
            words.Add(new ToolWord(terms.Found[i], i < written.Found.Count ? written.Found[i] : terms.Found[i], IsWhole(written.Found, i)));
        return words;
    }

    /// <summary>The words of an identifier one after another, as a reader says it.</summary>
    public static string Spoken(string text) => string.Join(' ', Of(text).Where(word => !word.IsWhole).Select(word => word.Written));

    // What the analyzer gives of get_weather is "get", "weather", "getweather"; of example.com, "example", "com", "example.com".
    private static bool IsWhole(List<string> written, int at)
    {
        if (at >= written.Count)
            return false;
        // Of Chinese and the like each character stands alone beside its pairs.
        if (Rune.GetRuneAt(written[at], 0) is var first && CharacterClass.Of(first) == CharacterKind.Unsegmented)
            return written[at].Length > first.Utf16SequenceLength;
        var rest = written[at].AsSpan();
        var parts = 0;
        for (var i = at - 1; i >= 0 && !rest.IsEmpty && rest.EndsWith(written[i], StringComparison.Ordinal); i--, parts++)
            rest = rest[..^written[i].Length].TrimEnd(".@/:");
        return rest.IsEmpty && parts > 1;
    }

    private readonly struct Sink(List<string> found) : ITermSink
    {
        public List<string> Found { get; } = found;

        public void Add(ReadOnlySpan<char> term) => Found.Add(term.ToString());
    }
}
