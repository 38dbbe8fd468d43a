using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.Kinds;

/// <summary>How a <see cref="BytePair"/> is told to work.</summary>
/// <param name="UnknownId">-1: none, and unknown characters are left out.</param>
/// <param name="FuseUnknown">Unknown neighbours are one unknown token.</param>
/// <param name="ByteFallback">Unknown characters are spelled in bytes.</param>
/// <param name="IgnoreMerges">A piece that is a token is taken whole.</param>
/// <param name="Continuation">What parts inside of a word begin with.</param>
/// <param name="EndOfWord">What the last part of a word ends with.</param>
internal sealed record BytePairSettings(int UnknownId, bool FuseUnknown, bool ByteFallback, bool IgnoreMerges, string Continuation, string EndOfWord);

/// <summary>
/// Byte-pair encoding (Sennrich, Haddow and Birch 2016): a piece begins as its characters, and the pair of neighbours that was learned first is
/// merged until there is none left. With a queue of pairs, in time of n log n.
/// </summary>
internal sealed class BytePair : ITokenKind
{
    private readonly TokenTrie _tokens = new();
    private readonly Dictionary<long, (int Rank, int Into)> _merges;
    private readonly BytePairSettings _settings;
    private readonly ByteFallback? _bytes;

    public BytePair(Vocabulary vocabulary, Dictionary<long, (int Rank, int Into)> merges, BytePairSettings settings)
    {
        foreach (var (token, id) in vocabulary.Tokens)
            _tokens.Add(token, id);
        _merges = merges;
        _settings = settings;
        _bytes = settings.ByteFallback ? new ByteFallback(_tokens) : null;
    }

    public int UnknownId => _settings.UnknownId;

    public long Bytes => _tokens.Bytes + (_merges.Count * 32L);

    public static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    public void Encode(ReadOnlySpan<char> piece, List<int> ids, TokenizerWorkspace workspace)
    {
        if (_settings.IgnoreMerges && _tokens.Find(piece) is var whole && whole != TokenTrie.None)
        {
            ids.Add(whole);
            return;
        }

        var before = ids.Count;
        AddCharacters(piece, ids);
        var count = ids.Count - before;
        if (count < 2)
            return;

        var symbols = workspace.Symbols(count);
        for (var i = 0; i < count; i++)
            symbols[i] = new MergeSymbol(ids[before + i], i - 1, i + 1 < count ? i + 1 : -1);
        ids.RemoveRange(before, count);
        MergeAll(symbols, workspace.Merges);
        for (var i = 0; i >= 0; i = symbols[i].Next)
            ids.Add(symbols[i].Id);
    }

    private void AddCharacters(ReadOnlySpan<char> piece, List<int> ids)
    {
        var afterUnknown = false;
        Span<char> spelled = stackalloc char[2 + _settings.Continuation.Length + _settings.EndOfWord.Length];
        for (var i = 0; i < piece.Length;)
        {
            CodePoints.At(piece, i, out var length);
            var written = 0;
            if (i > 0)
                Put(_settings.Continuation, spelled, ref written);
            Put(piece.Slice(i, length), spelled, ref written);
            i += length;
            if (i == piece.Length)
                Put(_settings.EndOfWord, spelled, ref written);

            if (_tokens.Find(spelled[..written]) is var id && id != TokenTrie.None)
            {
                ids.Add(id);
                afterUnknown = false;
            }
            else if (_bytes?.TryEncode(spelled[..written], ids) == true)
            {
                afterUnknown = false;
            }
            else if (UnknownId >= 0)
            {
                if (!afterUnknown || !_settings.FuseUnknown)
                    ids.Add(UnknownId);
                afterUnknown = true;
            }
        }
    }

    private static void Put(ReadOnlySpan<char> text, Span<char> into, ref int written)
    {
        text.CopyTo(into[written..]);
        written += text.Length;
    }

    private void MergeAll(Span<MergeSymbol> symbols, PriorityQueue<Merge, (int Rank, int At)> queue)
    {
        queue.Clear();
        for (var i = 0; i + 1 < symbols.Length; i++)
            Offer(symbols, i, queue);

        while (queue.TryDequeue(out var merge, out _))
        {
            ref var left = ref symbols[merge.At];
            if (left.Id != merge.Left || left.Next < 0 || symbols[left.Next].Id != merge.Right)
                continue;
            ref var right = ref symbols[left.Next];
            left = new MergeSymbol(merge.Into, left.Previous, right.Next);
            if (right.Next >= 0)
                symbols[right.Next].Previous = merge.At;
            right.Id = -1;
            if (left.Previous >= 0)
                Offer(symbols, left.Previous, queue);
            if (left.Next >= 0)
                Offer(symbols, merge.At, queue);
        }
    }

    private void Offer(Span<MergeSymbol> symbols, int at, PriorityQueue<Merge, (int Rank, int At)> queue)
    {
        var (left, right) = (symbols[at].Id, symbols[symbols[at].Next].Id);
        if (_merges.TryGetValue(Pair(left, right), out var found))
            queue.Enqueue(new Merge(at, left, right, found.Into), (found.Rank, at));
    }
}
