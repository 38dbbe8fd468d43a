namespace Weir.Retrieval.Models.Tokenizers.PreTokenizers;

/// <summary>What becomes of what a text is cut at.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Brings the stretches of a text, in order and without gaps, into pieces.</summary>
internal ref struct PieceWriter(ReadOnlySpan<char> text, SplitBehavior behavior, PieceList result)
{
    private readonly ReadOnlySpan<char> _text = text;
    private int _start; // of the piece that is not closed yet
    private int _end;
    private bool _delimiter; // whether the last stretch was one

    public void Add(int start, int end, bool isDelimiter)
    {
        if (start == end)
            return;
        var goesOn = behavior switch
        {
            SplitBehavior.Contiguous => isDelimiter == _delimiter,
            SplitBehavior.MergedWithPrevious => isDelimiter && !_delimiter,
            SplitBehavior.MergedWithNext => !isDelimiter && _delimiter,
            _ => false,
        };
        if (!goesOn || _start == _end)
        {
            Close();
            _start = start;
        }

        (_end, _delimiter) = (end, isDelimiter);
    }

    public void Close()
    {
        if (behavior != SplitBehavior.Removed || !_delimiter)
            result.Add(_text[_start.._end]);
        _start = _end;
    }
}
