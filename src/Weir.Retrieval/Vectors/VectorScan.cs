using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Weir.Retrieval.Vectors;

/// <summary>One query over the rows of a snapshot: the best candidates by int8 codes, or, without them, by floats.</summary>
internal sealed unsafe class VectorScan(SegmentView[] views, float[] query, Int8Query? codes, Predicate<long>? filter, int threads)
{
    /// <summary>Rows between two looks at the cancellation, and the piece of work a thread takes: 1.5 MB of codes at 384 dimensions.</summary>
    private const int PieceRows = 4096;

    /// <summary>Rows whose dot products are taken before any is compared: they fit in the first level cache.</summary>
    private const int BlockRows = 256;

    /// <summary>The best <paramref name="capacity"/> rows whose score is at least <paramref name="floor"/>.</summary>
    public CandidateHeap Run(int capacity, float floor, CancellationToken cancellationToken)
    {
        var heap = new CandidateHeap(capacity, floor);
        if (threads <= 1)
        {
            for (var view = 0; view < views.Length; view++)
                for (var from = 0; from < views[view].Length; from += PieceRows)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Scan(view, from, heap);
                }

            return heap;
        }

        var pieces = Pieces();
        var merging = new Lock();
        Parallel.For(
            0,
            pieces.Count,
            new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellationToken },
            () => new CandidateHeap(capacity, floor),
            (piece, _, own) =>
            {
                Scan(pieces[piece].View, pieces[piece].From, own);
                return own;
            },
            own =>
            {
                lock (merging)
                    foreach (ref readonly var candidate in own.Items)
                        if (heap.Accepts(candidate.Score, candidate.Id))
                            heap.Add(candidate);
            });
        return heap;
    }

    private List<(int View, int From)> Pieces()
    {
        var pieces = new List<(int, int)>();
        for (var view = 0; view < views.Length; view++)
            for (var from = 0; from < views[view].Length; from += PieceRows)
                pieces.Add((view, from));
        return pieces;
    }

    private void Scan(int view, int from, CandidateHeap heap)
    {
        var segment = views[view].Segment;
        var end = Math.Min(from + PieceRows, views[view].Length);
        if (codes is null)
        {
            for (var row = from; row < end; row++)
                Offer(view, row, TensorPrimitives.Dot(query, segment.Row(row)), heap);
            return;
        }

        var (stride, scale) = (segment.Stride, codes.Scale);
        var scales = segment.Scales;
        var dots = stackalloc int[BlockRows];
        fixed (short* wide = codes.Codes)
        {
            for (var block = from; block < end; block += BlockRows)
            {
                var count = Math.Min(BlockRows, end - block);
                Int8Kernels.Dots(segment.Codes + (long)block * stride, stride, wide, count, dots);
                Offer(view, block, count, dots, scales + block, scale, heap);
            }
        }
    }

    /// <summary>Nearly every row is below the threshold: eight are compared at once, and looked at one by one only if one of them is not.</summary>
    private void Offer(int view, int from, int count, int* dots, float* scales, float scale, CandidateHeap heap)
    {
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            var scores = Vector256.ConvertToSingle(Vector256.Load(dots + i)) * (Vector256.Load(scales + i) * scale);
            if (!Vector256.GreaterThanOrEqualAny(scores, Vector256.Create(heap.Threshold)))
                continue;
            for (var lane = 0; lane < 8; lane++)
                Offer(view, from + i + lane, scores[lane], heap);
        }

        for (; i < count; i++)
            Offer(view, from + i, dots[i] * (scales[i] * scale), heap);
    }

    /// <summary>The filter is a caller's code, and the dearest question: it is asked last.</summary>
    private void Offer(int view, int row, float score, CandidateHeap heap)
    {
        if (score < heap.Threshold)
            return;
        var seen = views[view];
        var id = seen.Segment.Ids[row];
        if (heap.Accepts(score, id) && !seen.IsDead(row) && (filter is null || filter(id)))
            heap.Add(new Candidate(score, id, view, row));
    }
}
