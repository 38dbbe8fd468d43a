namespace Weir.Retrieval.Sparse;

/// <summary>The best hits so far: by score, then by the smaller id.</summary>
internal sealed class BestHits(int k)
{
    private static readonly Comparer<SparseHit> WorstFirst =
        Comparer<SparseHit>.Create(static (a, b) => a.Score != b.Score ? a.Score.CompareTo(b.Score) : b.Id.CompareTo(a.Id));

    private readonly PriorityQueue<SparseHit, SparseHit> _hits = new(WorstFirst);

    /// <summary>A score below this comes too late. One that equals it may still be among the best, by its id.</summary>
    public float Threshold => _hits.Count < k ? 0 : _hits.Peek().Score;

    public bool WouldTake(SparseHit hit) => _hits.Count < k || WorstFirst.Compare(hit, _hits.Peek()) > 0;

    public void Add(SparseHit hit)
    {
        if (_hits.Count < k)
            _hits.Enqueue(hit, hit);
        else
            _hits.EnqueueDequeue(hit, hit);
    }

    public IReadOnlyList<SparseHit> InOrder()
    {
        var hits = new SparseHit[_hits.Count];
        for (var i = hits.Length - 1; i >= 0; i--)
            hits[i] = _hits.Dequeue();
        return hits;
    }
}
