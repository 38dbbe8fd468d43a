using System.Buffers;
using System.Globalization;
using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>A token that is found in the text before anything is cut.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">How it is spelled.</param>
/// <param name="SingleWord">Only where no letter or digit stands beside it.</param>
/// <param name="StripLeft">It takes the white space before it along.</param>
/// <param name="StripRight">It takes the white space after it along.</param>
/// <param name="Normalized">It is found in the normalized text, spelled as normalized; else in the text as it is.</param>
internal sealed record AddedToken(int Id, string Content, bool SingleWord, bool StripLeft, bool StripRight, bool Normalized);

/// <summary>Finds added tokens: the leftmost, and of those the longest.</summary>
internal sealed class AddedTokens
{
    private readonly TokenTrie _trie = new();
    private readonly List<AddedToken> _tokens = [];
    private readonly SearchValues<char> _first;

    /// <param name="tokens">The tokens, each with its spelling where it is looked for.</param>
    public AddedTokens(IEnumerable<(AddedToken Token, string Spelling)> tokens)
    {
        var first = new HashSet<char>();
        foreach (var (token, spelling) in tokens)
        {
            if (spelling.Length == 0)
                continue;
            _trie.Add(spelling, _tokens.Count);
            _tokens.Add(token);
            first.Add(spelling[0]);
        }

        _first = SearchValues.Create([.. first]);
    }

    /// <summary>The next token in the text from a place on; null: there is none.</summary>
    /// <param name="text">All of the text.</param>
    /// <param name="from">Everything before it has been taken.</param>
    /// <param name="start">Where the token begins, stripped space included.</param>
    /// <param name="end">Where it ends.</param>
    public AddedToken? Next(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        for (start = from; start < text.Length; start++)
        {
            var skip = text[start..].IndexOfAny(_first);
            if (skip < 0)
                break;
            start += skip;
            if (_trie.Longest(text[start..], out var length) is var found && found == TokenTrie.None)
                continue;
            var token = _tokens[found];
            end = start + length;
            if (token.SingleWord && ((start > 0 && IsWord(text[start - 1])) || (end < text.Length && IsWord(text[end]))))
            {
                start = end - 1;
                continue;
            }

            while (token.StripLeft && start > from && char.IsWhiteSpace(text[start - 1]))
                start--;
            while (token.StripRight && end < text.Length && char.IsWhiteSpace(text[end]))
                end++;
            return token;
        }

        (start, end) = (text.Length, text.Length);
        return null;
    }

    // Surrogates count as letters: what is written outside of the basic plane is mostly words.
    private static bool IsWord(char c) => char.IsLetterOrDigit(c) || c == '_' || char.IsSurrogate(c) ||
        char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation;
}
