namespace Weir.Server.Observability.History;

/// <summary>The points of the last 24 hours. One writer; readers get copies.</summary>
internal sealed class HistoryRing
{
    public const int Capacity = 24 * 60;

    private readonly Lock _gate = new();
    private readonly Queue<HistoryPoint> _points = new();

    public void Add(HistoryPoint point)
    {
        lock (_gate)
        {
            if (_points.Count == Capacity) _points.Dequeue();
            _points.Enqueue(point);
        }
    }

    /// <summary>The last points, oldest first: as many as asked for, or as there are.</summary>
    public IReadOnlyList<HistoryPoint> Last(int count)
    {
        lock (_gate) return [.. _points.Skip(Math.Max(0, _points.Count - count))];
    }
}
