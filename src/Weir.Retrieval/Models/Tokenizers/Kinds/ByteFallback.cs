using System.Text;

namespace Weir.Retrieval.Models.Tokenizers.Kinds;

/// <summary>The tokens &lt;0x00&gt; to &lt;0xFF&gt;, which spell out what the vocabulary does not have as bytes of UTF-8.</summary>
internal sealed class ByteFallback
{
    private readonly int[] _ids = new int[256];

    public ByteFallback(TokenTrie tokens)
    {
        for (var i = 0; i < _ids.Length; i++)
            _ids[i] = tokens.Find($"<0x{i:X2}>");
    }

    /// <summary>Adds the tokens of all bytes, or nothing and false where one of them has no token.</summary>
    public bool TryEncode(ReadOnlySpan<char> text, List<int> ids)
    {
        var before = ids.Count;
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            var count = rune.EncodeToUtf8(bytes);
            for (var i = 0; i < count; i++)
            {
                if (_ids[bytes[i]] == TokenTrie.None)
                {
                    ids.RemoveRange(before, ids.Count - before);
                    return false;
                }

                ids.Add(_ids[bytes[i]]);
            }
        }

        return true;
    }
}
