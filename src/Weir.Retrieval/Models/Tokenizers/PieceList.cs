using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>The pieces that a pre-tokenizer has cut a text into, one behind the other; none is empty.</summary>
internal sealed class PieceList
{
    private readonly List<int> _ends = [];

    public int Count => _ends.Count;

    /// <summary>All pieces; what is appended here becomes a piece when it is closed.</summary>
    public CharBuffer Text { get; } = new();

    /// <summary>For whoever rewrites a piece while cutting it.</summary>
    public CharBuffer Scratch { get; } = new();

    public ReadOnlySpan<char> this[int index] => Text.Span[(index == 0 ? 0 : _ends[index - 1])..(_ends[index])];

    public void Add(ReadOnlySpan<char> piece)
    {
        Text.Append(piece);
        Close();
    }

    /// <summary>What was appended since the last piece is one, unless it is nothing.</summary>
    public void Close()
    {
        if (Text.Length > (_ends.Count == 0 ? 0 : _ends[^1]))
            _ends.Add(Text.Length);
    }

    public void Clear()
    {
        Text.Clear();
        Scratch.Clear();
        _ends.Clear();
        if (_ends.Capacity > 1 << 16)
            _ends.Capacity = 256;
    }
}
