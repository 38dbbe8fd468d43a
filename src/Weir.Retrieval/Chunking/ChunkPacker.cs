namespace Weir.Retrieval.Chunking;

/// <summary>Fills chunks with pieces, in order. It holds the pieces of one chunk, whatever the length of the text.</summary>
internal sealed class ChunkPacker(ChunkSettings settings)
{
    private readonly List<TextChunk> _chunks = [];
    private readonly List<TextPiece> _pieces = [];
    private int _tokens;

    /// <summary>Of the pieces, those that are no headings: counted, for a text of headings alone must not look through them for each.</summary>
    private int _bodies;

    /// <summary>Pieces before this one are in the chunk before, too.</summary>
    private int _fresh;

    public void Add(TextPiece piece)
    {
        // A heading with nothing under it but another heading goes with that one.
        if (piece.BeginsSection && _bodies > 0)
            End();
        while (_pieces.Count > 0 && _tokens + piece.Tokens > settings.Tokens)
            MakeRoom(piece);
        _pieces.Add(piece);
        _tokens += piece.Tokens;
        _bodies += piece.IsHeading ? 0 : 1;
    }

    public IReadOnlyList<TextChunk> Finish()
    {
        End();
        return _chunks;
    }

    private void End()
    {
        if (_pieces.Count > 0)
            Emit(_pieces.Count);
        Forget(_pieces.Count, 0);
    }

    private void MakeRoom(TextPiece next)
    {
        var cut = next.BeginsBlock ? _pieces.Count : LastBorder();
        Emit(cut);

        var rest = next.Tokens;
        for (var i = cut; i < _pieces.Count; i++)
            rest += _pieces[i].Tokens;
        var keep = cut;
        var repeated = 0;
        while (keep > 1 && Repeats(_pieces[keep - 1]) && repeated + _pieces[keep - 1].Tokens is var more && more <= settings.Overlap && more + rest <= settings.Tokens)
        {
            repeated = more;
            keep--;
        }

        Forget(keep, cut - keep);
    }

    /// <summary>Where the last block begins, if that leaves the chunk at least half full and with something new; else the end.</summary>
    private int LastBorder()
    {
        var tokens = _tokens;
        for (var i = _pieces.Count - 1; i > _fresh; i--)
        {
            tokens -= _pieces[i].Tokens;
            if (tokens < settings.Tokens / 2)
                break;
            if (_pieces[i].BeginsBlock)
                return i;
        }

        return _pieces.Count;
    }

    private static bool Repeats(TextPiece piece) => piece is { IsWhole: true, IsHeading: false };

    private void Emit(int count)
    {
        var (first, last) = (_pieces[0], _pieces[count - 1]);
        _chunks.Add(new(first.Start, last.End - first.Start, last.Heading));
    }

    private void Forget(int count, int fresh)
    {
        for (var i = 0; i < count; i++)
        {
            _tokens -= _pieces[i].Tokens;
            _bodies -= _pieces[i].IsHeading ? 0 : 1;
        }

        _pieces.RemoveRange(0, count);
        _fresh = fresh;
    }
}
