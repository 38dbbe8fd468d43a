namespace Weir.Retrieval.Chunking;

/// <summary>What is not cut any further: a sentence, a row, a block of code, or a part of one that was larger than a chunk.</summary>
/// <param name="Start">In UTF-16 code units.</param>
/// <param name="End">Behind its last character.</param>
/// <param name="Tokens">At least 1.</param>
/// <param name="Heading">The headings it stands under.</param>
internal readonly record struct TextPiece(int Start, int End, int Tokens, string? Heading)
{
    public bool BeginsBlock { get; init; }

    public bool BeginsSection { get; init; }

    public bool IsHeading { get; init; }

    /// <summary>Whether it makes sense by itself, and so may stand again at the beginning of the next chunk.</summary>
    public bool IsWhole { get; init; }
}
