using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>What cutting one text needs in memory; every thread keeps one for its next text, so that most texts allocate nothing.</summary>
internal sealed class TokenizerWorkspace
{
    private const int Kept = 1 << 14;

    [ThreadStatic]
    private static TokenizerWorkspace? _spare;

    private BestPath[] _paths = new BestPath[256];
    private MergeSymbol[] _symbols = new MergeSymbol[256];

    public CharBuffer Normalized { get; private set; } = new();

    public CharBuffer Other { get; private set; } = new();

    public PieceList Pieces { get; private set; } = new();

    public PieceList OtherPieces { get; private set; } = new();

    public PriorityQueue<Merge, (int Rank, int At)> Merges { get; } = new();

    public static TokenizerWorkspace Rent()
    {
        var spare = _spare ?? new TokenizerWorkspace();
        _spare = null;
        return spare;
    }

    public void Return()
    {
        Normalized.Clear();
        Other.Clear();
        Pieces.Clear();
        OtherPieces.Clear();
        Merges.Clear();
        if (_paths.Length > Kept)
            _paths = new BestPath[256];
        if (_symbols.Length > Kept)
            _symbols = new MergeSymbol[256];
        if (Merges.EnsureCapacity(0) > Kept)
            Merges.TrimExcess();
        _spare = this;
    }

    /// <summary>Makes the text of the other buffer the normalized one.</summary>
    public void SwapText() => (Normalized, Other) = (Other, Normalized);

    public void SwapPieces() => (Pieces, OtherPieces) = (OtherPieces, Pieces);

    /// <summary>One for every place in a piece and its end, in whatever state.</summary>
    public Span<BestPath> Paths(int count)
    {
        if (_paths.Length < count)
            _paths = new BestPath[Math.Max(count, 2 * _paths.Length)];
        return _paths.AsSpan(0, count);
    }

    public Span<MergeSymbol> Symbols(int count)
    {
        if (_symbols.Length < count)
            _symbols = new MergeSymbol[Math.Max(count, 2 * _symbols.Length)];
        return _symbols.AsSpan(0, count);
    }
}

/// <summary>The best way to cut a piece up to a place: the token that ends there, and where it starts (-1: nothing ends there).</summary>
/// <param name="Score">Of all tokens up to here.</param>
/// <param name="Start">Where the last token begins.</param>
/// <param name="Id">The last token's.</param>
/// <param name="Next">Where the token after it ends, once the whole path is known.</param>
internal record struct BestPath(double Score, int Start, int Id, int Next);

/// <summary>One part of a word while byte pairs are merged: a list, linked by index; an id of -1: it has been merged away.</summary>
internal record struct MergeSymbol(int Id, int Previous, int Next);

/// <summary>Two neighbours that may be merged; it holds only while both are still what they were.</summary>
internal readonly record struct Merge(int At, int Left, int Right, int Into);
