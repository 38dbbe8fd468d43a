using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.Kinds;

/// <summary>
/// The most probable way to cut a piece, tokens being independent of each other (SentencePiece's unigram language model, Kudo 2018), by Viterbi's
/// algorithm. A character without a token of its own may be cut off as unknown, at the price of the worst token's score less ten; unknown
/// neighbours are one unknown token.
/// </summary>
internal sealed class Unigram : ITokenKind
{
    private const double UnknownPenalty = 10;

    private readonly TokenTrie _tokens = new();
    private readonly double[] _scores;
    private readonly double _unknownScore;
    private readonly ByteFallback? _bytes;

    /// <param name="vocabulary">Tokens by id.</param>
    /// <param name="scores">By id: logarithms of probabilities, all finite.</param>
    /// <param name="unknownId">-1: none.</param>
    /// <param name="byteFallback">Whether unknown characters are spelled in bytes.</param>
    public Unigram(Vocabulary vocabulary, double[] scores, int unknownId, bool byteFallback)
    {
        foreach (var (token, id) in vocabulary.Tokens)
        {
            if (token.Length > 0)
                _tokens.Add(token, id);
        }

        _scores = scores;
        _unknownScore = scores.Min() - UnknownPenalty;
        _bytes = byteFallback ? new ByteFallback(_tokens) : null;
        UnknownId = unknownId;
    }

    public int UnknownId { get; }

    public long Bytes => _tokens.Bytes + (_scores.Length * 8L);

    public void Encode(ReadOnlySpan<char> piece, List<int> ids, TokenizerWorkspace workspace)
    {
        var paths = workspace.Paths(piece.Length + 1);
        paths.Fill(new BestPath(0, -1, -1, 0));
        for (var start = 0; start < piece.Length;)
        {
            CodePoints.At(piece, start, out var single);
            var score = paths[start].Score;
            var hasSingle = false;
            var node = TokenTrie.Root;
            for (var end = start; end < piece.Length; end++)
            {
                node = _tokens.Child(node, piece[end]);
                if (node == TokenTrie.None)
                    break;
                if (_tokens.IdAt(node) is var id && id == TokenTrie.None)
                    continue;
                Offer(ref paths[end + 1], score + _scores[id], start, id);
                hasSingle |= end + 1 == start + single;
            }

            if (!hasSingle)
                Offer(ref paths[start + single], score + _unknownScore, start, UnknownId);
            start += single;
        }

        Follow(piece, paths, ids);
    }

    private static void Offer(ref BestPath path, double score, int start, int id)
    {
        if (path.Start < 0 || score > path.Score)
            path = new BestPath(score, start, id, 0);
    }

    private void Follow(ReadOnlySpan<char> piece, Span<BestPath> paths, List<int> ids)
    {
        // The best path is known from its end only: every place on it learns which one comes next.
        for (var end = piece.Length; end > 0; end = paths[end].Start)
            paths[paths[end].Start].Next = end;

        for (var at = 0; at < piece.Length;)
        {
            var end = paths[at].Next;
            var id = paths[end].Id;
            if (id != UnknownId)
            {
                ids.Add(id);
            }
            else
            {
                while (end < piece.Length && paths[paths[end].Next].Id == UnknownId)
                    end = paths[end].Next;
                AddUnknown(piece[at..end], ids);
            }

            at = end;
        }
    }

    private void AddUnknown(ReadOnlySpan<char> text, List<int> ids)
    {
        // Neighbours that are unknown each for themselves may together be a token that was too improbable to be chosen.
        if (_tokens.Find(text) is var id && id != TokenTrie.None)
            ids.Add(id);
        else if (_bytes?.TryEncode(text, ids) != true && UnknownId >= 0)
            ids.Add(UnknownId);
    }
}
