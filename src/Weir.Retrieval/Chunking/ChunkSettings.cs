using System.ComponentModel.DataAnnotations;

namespace Weir.Retrieval.Chunking;

/// <summary>How large the chunks of a text are.</summary>
/// <param name="Tokens">At most so many tokens in a chunk, from 16 to 8192. Default: 256.</param>
/// <param name="Overlap">At most so many tokens of whole sentences from the end of a chunk stand again at the beginning of the next, from 0 to half of <paramref name="Tokens"/>. Default: 32.</param>
internal sealed record ChunkSettings([property: Range(16, 8192)] int Tokens = 256, [property: Range(0, 4096)] int Overlap = 32);

/// <summary>What the borders of a text are made of.</summary>
internal enum TextFormat
{
    /// <summary>Paragraphs between blank lines.</summary>
    Plain,

    /// <summary>Headings, fenced code, lists and tables.</summary>
    Markdown,
}

/// <summary>A slice of a text, as it stands there.</summary>
/// <param name="Start">In UTF-16 code units.</param>
/// <param name="Length">In UTF-16 code units; never 0.</param>
/// <param name="Heading">The headings it stands under, outermost first: <c>Guide > Install</c>. Null: under none.</param>
internal readonly record struct TextChunk(int Start, int Length, string? Heading);
