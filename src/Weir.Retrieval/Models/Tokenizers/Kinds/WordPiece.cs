using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.Kinds;

/// <summary>The longest token at each place of a word, from its beginning (BERT): a word that cannot be cut whole is unknown.</summary>
internal sealed class WordPiece : ITokenKind
{
    private readonly TokenTrie _beginnings = new();
    private readonly TokenTrie _continuations = new();
    private readonly int _longestWord;

    /// <param name="vocabulary">Tokens by id.</param>
    /// <param name="unknownId">Of the unknown token.</param>
    /// <param name="continuation">What tokens inside of a word begin with.</param>
    /// <param name="longestWord">In code points: longer words are unknown.</param>
    public WordPiece(Vocabulary vocabulary, int unknownId, string continuation, int longestWord)
    {
        foreach (var (token, id) in vocabulary.Tokens)
        {
            _beginnings.Add(token, id);
            if (token.StartsWith(continuation, StringComparison.Ordinal))
                _continuations.Add(token.AsSpan(continuation.Length), id);
        }

        UnknownId = unknownId;
        _longestWord = longestWord;
    }

    public int UnknownId { get; }

    public long Bytes => _beginnings.Bytes + _continuations.Bytes;

    public void Encode(ReadOnlySpan<char> piece, List<int> ids, TokenizerWorkspace workspace)
    {
        var before = ids.Count;
        if (piece.Length > _longestWord && CodePoints.Count(piece) > _longestWord)
        {
            ids.Add(UnknownId);
            return;
        }

        for (var trie = _beginnings; !piece.IsEmpty; trie = _continuations)
        {
            var id = trie.Longest(piece, out var length);
            if (length == 0)
            {
                ids.RemoveRange(before, ids.Count - before);
                ids.Add(UnknownId);
                return;
            }

            ids.Add(id);
            piece = piece[length..];
        }
    }
}
