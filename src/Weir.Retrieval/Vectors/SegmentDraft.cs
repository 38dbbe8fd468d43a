namespace Weir.Retrieval.Vectors;

/// <summary>What the writer makes of a segment in one change. Nobody sees it before <see cref="Finish"/> is published; dead rows are marked in a copy.</summary>
internal sealed class SegmentDraft
{
    private readonly SegmentView? _before;
    private ulong[]? _dead;
    private int _deadCount;
    private int _length;
    private long _minId;
    private long _maxId;
    private bool _ascending;

    public SegmentDraft(VectorSegment segment)
        : this(new SegmentView(segment)) => _before = null;

    public SegmentDraft(SegmentView before)
    {
        (Segment, _before) = (before.Segment, before);
        (_length, _deadCount) = (before.Length, before.DeadCount);
        (_minId, _maxId, _ascending) = (before.MinId, before.MaxId, before.Ascending);
    }

    public VectorSegment Segment { get; }

    public bool Full => _length == Segment.Capacity;

    /// <summary>Marks the row of an id dead; false: it has none here. Ids that this draft added are not looked for.</summary>
    public bool Bury(long id)
    {
        var row = _before?.Find(id) ?? -1;
        if (row < 0)
            return false;
        _dead ??= _before!.Dead is { } dead ? [.. dead] : new ulong[(Segment.Capacity + 63) / 64];
        var bit = 1ul << (row & 63);
        if ((_dead[row >> 6] & bit) != 0)
            return false;
        _dead[row >> 6] |= bit;
        _deadCount++;
        return true;
    }

    public void Add(long id, ReadOnlyMemory<float> vector)
    {
        Segment.Write(_length, id, vector);
        Count(id);
    }

    public void Add(VectorSegment from, int row)
    {
        Segment.Write(_length, from, row);
        Count(from.Ids[row]);
    }

    public SegmentView Finish()
    {
        if (_before is not null && _dead is null && _length == _before.Length)
            return _before;
        if (Full && !_ascending && Segment.Order is null)
            Segment.Seal(_length);
        return new SegmentView(Segment)
        {
            Length = _length,
            Dead = _dead ?? _before?.Dead,
            DeadCount = _deadCount,
            MinId = _minId,
            MaxId = _maxId,
            Ascending = _ascending,
        };
    }

    private void Count(long id)
    {
        _ascending &= _length == 0 || id > _maxId;
        _minId = Math.Min(_minId, id);
        _maxId = Math.Max(_maxId, id);
        _length++;
    }
}
