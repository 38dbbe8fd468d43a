using Weir.Retrieval.Embedding;
using Weir.Retrieval.Models.Tokenizers.Normalizers;
using Weir.Retrieval.Models.Tokenizers.PreTokenizers;
using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>
/// A tokenizer of Hugging Face's tokenizer.json: added tokens are taken out, the rest is normalized, cut into pieces, and each piece into tokens.
/// Nothing is put around a text, nothing cut off or padded. Immutable; from any thread.
/// </summary>
internal sealed class Tokenizer : ITextTokenizer
{
    private readonly Vocabulary _vocabulary;
    private readonly ITokenKind _kind;
    private readonly Normalizer[] _normalizers;
    private readonly PreTokenizer[] _preTokenizers;
    private readonly AddedTokens _raw;
    private readonly AddedTokens _normalized;

    public Tokenizer(
        Vocabulary vocabulary, ITokenKind kind, IEnumerable<Normalizer> normalizers, IEnumerable<PreTokenizer> preTokenizers, IReadOnlyList<AddedToken> added)
    {
        _vocabulary = vocabulary;
        _kind = kind;
        _normalizers = [.. normalizers];
        _preTokenizers = [.. preTokenizers];
        _raw = new AddedTokens(added.Where(t => !t.Normalized).Select(t => (t, t.Content)));
        _normalized = new AddedTokens(added.Where(t => t.Normalized).Select(t => (t, Normalize(t.Content))));
    }

    public int VocabularySize => _vocabulary.Size;

    /// <summary>The token for what is unknown; -1: there is none.</summary>
    public int UnknownId => _kind.UnknownId;

    /// <summary>What it takes in memory, about, in bytes.</summary>
    public long Bytes => _kind.Bytes + _vocabulary.Tokens.Sum(t => 80L + (2 * t.Key.Length));

    /// <summary>Every token.</summary>
    public IEnumerable<string> Tokens => _vocabulary.Tokens.Select(t => t.Key);

    public string TokenOf(int id) => _vocabulary.TokenOf(id);

    public int Count(ReadOnlySpan<char> text)
    {
        var ids = TokenList.Rent();
        try
        {
            Encode(text, ids);
            return ids.Count;
        }
        finally
        {
            TokenList.Return(ids);
        }
    }

    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        var workspace = TokenizerWorkspace.Rent();
        try
        {
            for (var from = 0; from < text.Length;)
            {
                var token = _raw.Next(text, from, out var start, out var end);
                if (start > from)
                    EncodePlain(text[from..start], from == 0, ids, workspace);
                if (token is not null)
                    ids.Add(token.Id);
                from = end;
            }
        }
        finally
        {
            workspace.Return();
        }
    }

    private void EncodePlain(ReadOnlySpan<char> text, bool isFirst, List<int> ids, TokenizerWorkspace workspace)
    {
        var normalized = Normalize(text, workspace);
        for (var from = 0; from < normalized.Length;)
        {
            var token = _normalized.Next(normalized, from, out var start, out var end);
            if (start > from)
                EncodePieces(normalized[from..start], isFirst && from == 0, ids, workspace);
            if (token is not null)
                ids.Add(token.Id);
            from = end;
        }
    }

    private void EncodePieces(ReadOnlySpan<char> text, bool isFirst, List<int> ids, TokenizerWorkspace workspace)
    {
        if (_preTokenizers.Length == 0)
        {
            _kind.Encode(text, ids, workspace);
            return;
        }

        workspace.Pieces.Clear();
        _preTokenizers[0].Split(text, isFirst, workspace.Pieces);
        for (var step = 1; step < _preTokenizers.Length; step++)
        {
            workspace.OtherPieces.Clear();
            for (var i = 0; i < workspace.Pieces.Count; i++)
                _preTokenizers[step].Split(workspace.Pieces[i], isFirst && i == 0, workspace.OtherPieces);
            workspace.SwapPieces();
        }

        var pieces = workspace.Pieces;
        for (var i = 0; i < pieces.Count; i++)
            _kind.Encode(pieces[i], ids, workspace);
    }

    private ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text, TokenizerWorkspace workspace)
    {
        foreach (var normalizer in _normalizers)
        {
            // The text may lie in Normalized already: it is written to the other one, and they change places.
            workspace.Other.Clear();
            normalizer.Normalize(text, workspace.Other);
            workspace.SwapText();
            text = workspace.Normalized.Span;
        }

        return text;
    }

    private string Normalize(string text)
    {
        var workspace = TokenizerWorkspace.Rent();
        try
        {
            return Normalize(text, workspace).ToString();
        }
        finally
        {
            workspace.Return();
        }
    }
}
