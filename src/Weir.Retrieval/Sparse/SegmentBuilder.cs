using System.Runtime.InteropServices;
using Weir.Retrieval.Text;

namespace Weir.Retrieval.Sparse;

/// <summary>Makes a segment of texts and of what other segments hold. Texts come in the order of their ids.</summary>
internal sealed class SegmentBuilder
{
    private readonly List<long> _ids = [];
    private readonly List<int> _lengths = [];
    private readonly List<int> _forwardStarts = [];
    private readonly List<byte> _forward = [];
    private readonly TermTable _terms = new();
    private readonly List<int> _counts = [];
    // Of the text that is being read: its terms' frequencies (by the term's number), and which are not 0.
    private readonly List<int> _frequencies = [];
    private readonly List<int> _touched = [];

    public int Count => _ids.Count;

    /// <summary>Postings have 31 bits of places.</summary>
    public bool IsFull => _ids.Count >= SparseSegment.MaxTexts || _forward.Count >= 1 << 30;

    public void Add(long id, string text, bool stemming)
    {
        var sink = new Sink(this);
        TextAnalyzer.Analyze(text, stemming, ref sink);
        Begin(id, sink.Length);
        foreach (var term in _touched)
        {
            AddTerm(term, (byte)Math.Min(_frequencies[term], SparseSegment.MaxFrequency));
            _frequencies[term] = 0;
        }

        _touched.Clear();
    }

    /// <param name="source">Where the text is.</param>
    /// <param name="ordinal">Which it is.</param>
    /// <param name="numbers">The numbers here of the source's terms, plus 1; 0: not known yet.</param>
    public void Add(SparseSegment source, int ordinal, int[] numbers)
    {
        Begin(source.Ids[ordinal], source.Lengths[ordinal]);
        var terms = source.TermsOf(ordinal);
        while (terms.Next())
        {
            ref var number = ref numbers[terms.Term];
            if (number == 0)
                number = NumberOf(source.Terms[terms.Term]) + 1;
            AddTerm(number - 1, terms.Frequency);
        }
    }

    public SparseSegment Build()
    {
        var starts = new int[_terms.Count + 1];
        for (var i = 0; i < _counts.Count; i++)
            starts[i + 1] = starts[i] + _counts[i];
        var segment = new SparseSegment
        {
            Ids = [.. _ids],
            Lengths = [.. _lengths],
            Terms = _terms,
            PostingStarts = starts,
            Postings = new uint[starts[^1]],
            HighestFrequencies = new byte[_terms.Count],
            ShortestLengths = new int[_terms.Count],
            ForwardStarts = [.. _forwardStarts, _forward.Count],
            Forward = [.. _forward],
        };
        _terms.Trim();
        var next = starts.AsSpan(0, _terms.Count).ToArray();
        Array.Fill(segment.ShortestLengths, int.MaxValue);
        for (var ordinal = 0; ordinal < segment.Ids.Length; ordinal++)
        {
            var terms = segment.TermsOf(ordinal);
            while (terms.Next())
            {
                segment.Postings[next[terms.Term]++] = ((uint)ordinal << 8) | terms.Frequency;
                ref var highest = ref segment.HighestFrequencies[terms.Term];
                highest = Math.Max(highest, terms.Frequency);
                ref var shortest = ref segment.ShortestLengths[terms.Term];
                shortest = Math.Min(shortest, segment.Lengths[ordinal]);
            }
        }

        return segment;
    }

    private void Begin(long id, int length)
    {
        _ids.Add(id);
        _lengths.Add(length);
        _forwardStarts.Add(_forward.Count);
    }

    private void AddTerm(int term, byte frequency)
    {
        _counts[term]++;
        var rest = (uint)term;
        for (; rest >= 0x80; rest >>= 7)
            _forward.Add((byte)(rest | 0x80));
        _forward.Add((byte)rest);
        _forward.Add(frequency);
    }

    private int NumberOf(ReadOnlySpan<char> term)
    {
        var number = _terms.GetOrAdd(term);
        if (number == _counts.Count)
        {
            _counts.Add(0);
            _frequencies.Add(0);
        }

        return number;
    }

    private struct Sink(SegmentBuilder builder) : ITermSink
    {
        public int Length { get; private set; }

        public void Add(ReadOnlySpan<char> term)
        {
            Length++;
            var number = builder.NumberOf(term);
            if (CollectionsMarshal.AsSpan(builder._frequencies)[number]++ == 0)
                builder._touched.Add(number);
        }
    }
}
