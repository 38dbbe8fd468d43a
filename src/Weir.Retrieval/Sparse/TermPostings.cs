namespace Weir.Retrieval.Sparse;

/// <summary>Walks through the postings of one term of a query.</summary>
internal sealed class TermPostings
{
    private readonly uint[] _postings;
    private readonly int[] _lengths;
    private readonly int _end;
    private readonly double _weight;
    private int _at;

    public TermPostings(SparseSegment segment, int term, double weight, Scoring scoring)
    {
        (_postings, _lengths, _weight) = (segment.Postings, segment.Lengths, weight);
        (_at, _end) = (segment.PostingStarts[term], segment.PostingStarts[term + 1]);
        Bound = scoring.Of(weight, segment.HighestFrequencies[term], segment.ShortestLengths[term]);
    }

    /// <summary>What the term gives to any text at most.</summary>
    public double Bound { get; }

    /// <summary>Of the text it stands at; <see cref="int.MaxValue"/>: past the last.</summary>
    public int Ordinal => _at < _end ? SparseSegment.OrdinalOf(_postings[_at]) : int.MaxValue;

    /// <summary>Scores of the texts from <paramref name="start"/> on, as many as there are places; it stands after them then.</summary>
    public void AddScores(int start, Span<double> scores, Span<ulong> found, Scoring scoring)
    {
        Advance(start);
        for (var end = start + scores.Length; _at < _end; _at++)
        {
            var posting = _postings[_at];
            var ordinal = SparseSegment.OrdinalOf(posting);
            if (ordinal >= end)
                return;
            var place = ordinal - start;
            scores[place] += scoring.Of(_weight, SparseSegment.FrequencyOf(posting), _lengths[ordinal]);
            found[place >> 6] |= 1UL << place;
        }
    }

    /// <summary>What it gives to the text, 0 where it is not in it. Texts are asked for in order.</summary>
    public double ScoreAt(int ordinal, Scoring scoring)
    {
        Advance(ordinal);
        return Ordinal == ordinal ? scoring.Of(_weight, SparseSegment.FrequencyOf(_postings[_at]), _lengths[ordinal]) : 0;
    }

    /// <summary>To the first text at or after this one: by steps that double, then by halving.</summary>
    private void Advance(int ordinal)
    {
        var target = (uint)ordinal << 8;
        if (_at >= _end || _postings[_at] >= target)
            return;
        var step = 1;
        while (_at + step < _end && _postings[_at + step] < target)
        {
            _at += step;
            step *= 2;
        }

        var place = _postings.AsSpan(_at, Math.Min(step + 1, _end - _at)).BinarySearch(target);
        _at += place < 0 ? ~place : place;
    }
}
