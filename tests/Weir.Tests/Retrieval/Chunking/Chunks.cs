using System.Globalization;
using Weir.Retrieval.Chunking;

namespace Weir.Tests.Retrieval.Chunking;

/// <summary>Chunks as text, and what must hold of any.</summary>
internal static class Chunks
{
    public static string[] Of(string text, TextFormat format = TextFormat.Plain, int tokens = 256, int overlap = 0) =>
        [.. TextChunker.Split(text, format, new(tokens, overlap), WordTokenCounter.Instance).Select(chunk => text.Substring(chunk.Start, chunk.Length))];

    /// <summary>In order, within bounds, whole characters, and nothing but blanks left out.</summary>
    public static void ShouldHold(string text, TextFormat format, ChunkSettings settings, ITokenCounter counter, string because)
    {
        var chunks = TextChunker.Split(text, format, settings, counter);
        var borders = StringInfo.ParseCombiningCharacters(text).Append(text.Length).ToHashSet();
        // A line break of two characters is left out as two.
        for (var i = 1; i < text.Length; i++)
        {
            if (text[i - 1] == '\r' && text[i] == '\n')
                borders.Add(i);
        }

        var covered = 0;
        var before = -1;
        foreach (var chunk in chunks)
        {
            chunk.Length.ShouldBeGreaterThan(0, because);
            chunk.Start.ShouldBeGreaterThan(before, because);
            (chunk.Start + chunk.Length).ShouldBeGreaterThan(covered, because);
            borders.ShouldContain(chunk.Start, because);
            borders.ShouldContain(chunk.Start + chunk.Length, because);
            counter.Count(text.AsSpan(chunk.Start, chunk.Length)).ShouldBeLessThanOrEqualTo(settings.Tokens, because);
            if (chunk.Start > covered)
                text[covered..chunk.Start].Trim().ShouldBeEmpty(because);
            else
                counter.Count(text.AsSpan(chunk.Start, covered - chunk.Start)).ShouldBeLessThanOrEqualTo(settings.Overlap, because);
            before = chunk.Start;
            covered = chunk.Start + chunk.Length;
        }

        text[covered..].Trim().ShouldBeEmpty(because);
    }
}
