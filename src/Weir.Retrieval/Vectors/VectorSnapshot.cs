using System.Numerics.Tensors;

namespace Weir.Retrieval.Vectors;

/// <summary>
/// What an index held at one moment. It never changes, may be searched by any number of threads, and keeps its memory for as long as it is referred to
/// or until the index is disposed.
/// </summary>
internal sealed class VectorSnapshot
{
    private readonly SegmentView[] _views;
    private readonly VectorIndexSettings _settings;

    internal VectorSnapshot(int dimensions, VectorIndexSettings settings, SegmentView[] views)
    {
        (Dimensions, _settings, _views) = (dimensions, settings, views);
        foreach (var view in views)
        {
            Count += view.Live;
            Bytes += view.Segment.Bytes;
        }
    }

    public int Dimensions { get; }

    public int Count { get; }

    /// <summary>Memory of the rows, dead ones and room for new ones included.</summary>
    public long Bytes { get; }

    internal ReadOnlySpan<SegmentView> Views => _views;

    /// <summary>The same rows, searched in another way.</summary>
    internal VectorSnapshot With(VectorIndexSettings settings) => new(Dimensions, settings, _views);

    /// <summary>The <paramref name="k"/> best, best first; equal scores by id. Fewer where there are fewer.</summary>
    /// <param name="query">As many finite numbers as the index has dimensions.</param>
    /// <param name="k">How many; 0 or less: none.</param>
    /// <param name="filter">Which ids may be found; null: all. Large indexes call it from several threads, and only for rows that would be kept.</param>
    /// <param name="cancellationToken">Ends the search within a few thousand rows.</param>
    /// <exception cref="ArgumentException">The query has the wrong number of dimensions, or holds what is no number.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public IReadOnlyList<VectorHit> Search(
        ReadOnlySpan<float> query, int k, Predicate<long>? filter = null, CancellationToken cancellationToken = default)
    {
        VectorRules.Check(query, Dimensions, "The query", nameof(query));
        k = Math.Min(k, Count);
        if (k <= 0)
            return [];
        var codes = _settings.Quantize && Count > _settings.FloatScanRows ? new Int8Query(query) : null;
        var helpers = Count >= _settings.ParallelRows ? ScanHelpers.Take((_settings.Parallelism ?? Environment.ProcessorCount) - 1) : 0;
        var held = 0;
        try
        {
            for (; held < _views.Length; held++)
                _views[held].Segment.Hold();
            var scan = new VectorScan(_views, query.ToArray(), codes, filter, 1 + helpers);
            return codes is null
                ? Best(scan.Run(k, float.NegativeInfinity, cancellationToken).Items, k)
                : SearchCodes(query, k, codes, scan, cancellationToken);
        }
        catch (AggregateException e) when (e.InnerExceptions.Count > 0)
        {
            // A filter that throws, throws the same whether it was asked by one thread or several.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            throw;
        }
        finally
        {
            while (held > 0)
                _views[--held].Segment.Release();
            ScanHelpers.Return(helpers);
        }
    }

    /// <summary>The vector of an id, as it was given; false: this snapshot has none.</summary>
    /// <exception cref="ArgumentException">There is no room for the vector.</exception>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public bool TryGet(long id, Span<float> vector)
    {
        foreach (var view in _views)
        {
            view.Segment.Hold();
            try
            {
                var row = view.Find(id);
                if (row < 0)
                    continue;
                view.Segment.Row(row).CopyTo(vector);
                return true;
            }
            finally
            {
                view.Segment.Release();
            }
        }

        return false;
    }

    /// <summary>
    /// The best rows by codes, scored again. Where these do not prove that no other row belongs to the best, those that may are looked for once more.
    /// </summary>
    private VectorHit[] SearchCodes(ReadOnlySpan<float> query, int k, Int8Query codes, VectorScan scan, CancellationToken cancellationToken)
    {
        var capacity = (int)Math.Min(Math.Max((long)k * _settings.CandidateFactor, k + 64L), Count);
        var kept = scan.Run(capacity, float.NegativeInfinity, cancellationToken);
        var hits = Best(Rescored(query, kept.Items), k);
        if (!kept.Full || hits.Length == 0)
            return hits;

        // Whatever was left out scores at most the threshold by its codes, and so at most this by its floats.
        var bound = codes.Bound(_views);
        if (hits[^1].Score > kept.Threshold + bound || _settings.MostCandidates <= capacity)
            return hits;
        var wider = scan.Run(Math.Min(_settings.MostCandidates, Count), hits[^1].Score - bound, cancellationToken);
        return Best(Rescored(query, wider.Items), k);
    }

    private Candidate[] Rescored(ReadOnlySpan<float> query, ReadOnlySpan<Candidate> candidates)
    {
        var scored = candidates.ToArray();
        foreach (ref var candidate in scored.AsSpan())
            candidate = candidate with { Score = TensorPrimitives.Dot(query, _views[candidate.View].Segment.Row(candidate.Row)) };
        return scored;
    }

    private static VectorHit[] Best(ReadOnlySpan<Candidate> candidates, int k)
    {
        var sorted = candidates.ToArray();
        Array.Sort(sorted, static (a, b) => Candidate.Compare(a, b));
        var hits = new VectorHit[Math.Min(k, sorted.Length)];
        for (var i = 0; i < hits.Length; i++)
            hits[i] = new VectorHit(sorted[i].Id, sorted[i].Score);
        return hits;
    }
}
