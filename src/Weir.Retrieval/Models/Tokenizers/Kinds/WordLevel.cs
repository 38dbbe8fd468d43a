namespace Weir.Retrieval.Models.Tokenizers.Kinds;

/// <summary>Every piece is one token, or unknown.</summary>
internal sealed class WordLevel : ITokenKind
{
    private readonly TokenTrie _words = new();

    public WordLevel(Vocabulary vocabulary, int unknownId)
    {
        foreach (var (token, id) in vocabulary.Tokens)
            _words.Add(token, id);
        UnknownId = unknownId;
    }

    public int UnknownId { get; }

    public long Bytes => _words.Bytes;

    public void Encode(ReadOnlySpan<char> piece, List<int> ids, TokenizerWorkspace workspace)
    {
        if ((_words.Find(piece) is var id && id != TokenTrie.None) || (id = UnknownId) >= 0)
            ids.Add(id);
    }
}
