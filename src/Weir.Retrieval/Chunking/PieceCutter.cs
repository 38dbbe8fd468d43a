namespace Weir.Retrieval.Chunking;

/// <summary>Cuts blocks into pieces that fit in a chunk, each counted once where it fits.</summary>
internal sealed class PieceCutter(string text, int budget, ITokenCounter counter, ChunkPacker packer)
{
    /// <summary>What a tokenizer does not know is one token to it, however long: so many characters count as one at the least.</summary>
    private const int CharactersOfAToken = 16;

    /// <summary>Of a sentence that is too large; counting them together keeps rounding small.</summary>
    private const int WordsOfAPiece = 16;

    private TextBlock _block;
    private bool _begins;

    public void Cut(TextBlock block)
    {
        (_block, _begins) = (block, true);
        switch (block.Kind)
        {
            case BlockKind.Code or BlockKind.Heading:
                Add(block.Start, block.End, isWhole: true);
                break;
            case BlockKind.Table:
                CutTable();
                break;
            default:
                for (int at = block.Start, end; at < block.End; at = end)
                {
                    end = SentenceBreaks.EndOf(text, at, block.End);
                    Add(at, end, isWhole: true);
                    end = SkipBlanks(end, block.End);
                }

                break;
        }
    }

    private void CutTable()
    {
        // A head without the rule under it is a row like others.
        var head = TextLine.At(text, TextLine.At(text, _block.Start).Next);
        Add(_block.Start, Math.Min(head.End, _block.End), isWhole: true);
        CutLines(Math.Min(head.Next, _block.End), _block.End, isWhole: true);
    }

    private void CutLines(int start, int end, bool isWhole)
    {
        while (start < end)
        {
            var line = TextLine.At(text, start);
            Add(start, Math.Min(line.End, end), isWhole);
            start = Math.Max(line.Next, start + 1);
        }
    }

    private void Add(int start, int end, bool isWhole)
    {
        // Code keeps the blanks it begins with.
        if (_block.Kind is not BlockKind.Code)
            start = SkipBlanks(start, end);
        while (end > start && Borders.IsBlank(text, end - 1))
            end--;
        if (start >= end || text.AsSpan(start, end - start).IsWhiteSpace())
            return;
        var cost = Cost(start, end);
        if (cost <= budget)
            Give(start, end, cost, isWhole);
        else if (text.AsSpan(start, end - start).ContainsAny('\n', '\r'))
            CutLines(start, end, isWhole: false);
        else
            CutWords(start, end);
    }

    private void CutWords(int start, int end)
    {
        while (start < end)
        {
            var words = 0;
            var at = start;
            while (at < end && words < WordsOfAPiece)
            {
                at = EndOfWord(SkipBlanks(at, end), end);
                words++;
            }

            var cost = Cost(start, at);
            if (cost <= budget)
                Give(start, at, cost, isWhole: false);
            else
                CutEachWord(start, at);
            start = SkipBlanks(at, end);
        }
    }

    private void CutEachWord(int start, int end)
    {
        while ((start = SkipBlanks(start, end)) < end)
        {
            var word = EndOfWord(start, end);
            var cost = Cost(start, word);
            if (cost <= budget)
                Give(start, word, cost, isWhole: false);
            else
                CutCharacters(start, word, cost);
            start = word;
        }
    }

    /// <summary>Sizes are guessed from what the whole costs, so that a part is counted about once.</summary>
    private void CutCharacters(int start, int end, int costOfAll)
    {
        var guess = (int)Math.Max(1, (long)(end - start) * budget / costOfAll);
        while (start < end)
        {
            var size = guess;
            var at = Borders.EndOfCharacters(text, start, end, size);
            int cost;
            while ((cost = Cost(start, at)) > budget && size > 1)
            {
                size = Math.Max(1, Math.Min(size, at - start) / 2);
                at = Borders.EndOfCharacters(text, start, end, size);
            }

            // One character that is larger than a chunk by itself.
            for (size = at - start; cost > budget && size > 1; cost = Cost(start, at))
            {
                size /= 2;
                at = Borders.EndOfRunes(text, start, end, size);
            }

            Give(start, at, cost, isWhole: false);
            guess = (int)Math.Clamp((long)(at - start) * budget / cost, 1, (long)CharactersOfAToken * budget);
            start = at;
        }
    }

    private void Give(int start, int end, int cost, bool isWhole)
    {
        packer.Add(new TextPiece(start, end, cost, _block.Heading)
        {
            BeginsBlock = _begins,
            BeginsSection = _begins && _block.Kind is BlockKind.Heading,
            IsHeading = _block.Kind is BlockKind.Heading,
            IsWhole = isWhole,
        });
        _begins = false;
    }

    private int Cost(int start, int end) =>
        Math.Max(counter.Count(text.AsSpan(start, end - start)), (end - start + CharactersOfAToken - 1) / CharactersOfAToken);

    private int SkipBlanks(int at, int end)
    {
        while (at < end && Borders.IsBlank(text, at))
            at++;
        return at;
    }

    private int EndOfWord(int at, int end)
    {
        while (at < end && !Borders.IsBlank(text, at))
            at++;
        return at;
    }
}
