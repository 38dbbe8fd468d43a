namespace Weir.Retrieval.Vectors;

/// <summary>A row that may be among the best.</summary>
internal readonly record struct Candidate(float Score, long Id, int View, int Row)
{
    /// <summary>One order everywhere: higher scores first, equal ones by id, so that no split of the work changes the answer.</summary>
    public static int Compare(in Candidate a, in Candidate b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Id.CompareTo(b.Id);
}

/// <summary>The best so many candidates of all that were offered; the worst of them at the root, where it is replaced.</summary>
internal sealed class CandidateHeap(int capacity, float floor = float.NegativeInfinity)
{
    private Candidate[] _items = new Candidate[Math.Min(capacity, 256)];
    private int _count;

    public ReadOnlySpan<Candidate> Items => _items.AsSpan(0, _count);

    /// <summary>A score below this cannot enter; one that equals it may, by its id.</summary>
    public float Threshold { get; private set; } = floor;

    public bool Full => _count == capacity;

    public bool Accepts(float score, long id) =>
        _count < capacity || score > _items[0].Score || (score == _items[0].Score && id < _items[0].Id);

    /// <summary>Adds a candidate that is accepted.</summary>
    public void Add(in Candidate candidate)
    {
        if (_count < capacity)
        {
            if (_count == _items.Length)
                Array.Resize(ref _items, (int)Math.Min(capacity, 2L * _count));
            Rise(_count++, candidate);
        }
        else
        {
            Sink(candidate);
        }

        if (_count == capacity)
            Threshold = _items[0].Score;
    }

    private void Rise(int at, in Candidate candidate)
    {
        while (at > 0)
        {
            var parent = (at - 1) / 2;
            if (Candidate.Compare(candidate, _items[parent]) <= 0)
                break;
            _items[at] = _items[parent];
            at = parent;
        }

        _items[at] = candidate;
    }

    private void Sink(in Candidate candidate)
    {
        var at = 0;
        while (2 * at + 1 < _count)
        {
            var child = 2 * at + 1;
            if (child + 1 < _count && Candidate.Compare(_items[child + 1], _items[child]) > 0)
                child++;
            if (Candidate.Compare(candidate, _items[child]) >= 0)
                break;
            _items[at] = _items[child];
            at = child;
        }

        _items[at] = candidate;
    }
}
