namespace Weir.Retrieval.Vectors;

/// <summary>
/// Vectors by id, searched exactly. One writer at a time changes it; readers take <see cref="Snapshot"/> and never wait. Adding copies nothing that is
/// there; removing marks rows dead, and segments that are mostly dead are written anew beside their readers.
/// </summary>
internal sealed class VectorIndex : IDisposable
{
    private const int FewestRows = 64;

    private readonly Lock _writing = new();
    private readonly NativeAccount _account;
    // Segments that only older snapshots have: the collector frees them with their readers, or Dispose with all others.
    private readonly List<WeakReference<VectorSegment>> _former = [];
    private VectorSnapshot _snapshot;
    private bool _disposed;

    /// <param name="dimensions">Of every vector.</param>
    /// <param name="settings">Null: the defaults.</param>
    /// <param name="account">Where its native memory is counted, together with that of others; null: alone.</param>
    /// <exception cref="ArgumentOutOfRangeException">Dimensions are not between 1 and 65,536, or a setting is out of its range.</exception>
    public VectorIndex(int dimensions, VectorIndexSettings? settings = null, NativeAccount? account = null)
    {
        _account = account ?? new NativeAccount();
        Settings = settings ?? new VectorIndexSettings();
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dimensions, VectorRules.MostDimensions);
        ArgumentOutOfRangeException.ThrowIfLessThan(Settings.CandidateFactor, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Settings.SegmentRows, FewestRows);
        _snapshot = new VectorSnapshot(dimensions, Settings, []);
    }

    public int Dimensions => _snapshot.Dimensions;

    public VectorIndexSettings Settings { get; }

    public VectorSnapshot Snapshot => Volatile.Read(ref _snapshot);

    /// <summary>Native memory held for this index: the snapshot's, and what readers of older ones have not let go of yet.</summary>
    public long NativeBytes => _account.Bytes;

    /// <summary>
    /// Removes, then adds or replaces, and publishes one snapshot of all of it. Ids to remove that are not there are passed over; an id that is both
    /// removed and added is there afterwards; of two vectors with one id, the last counts.
    /// </summary>
    /// <exception cref="ArgumentException">A vector has the wrong number of dimensions, or holds what is no finite number; nothing was changed.</exception>
    public void Apply(IReadOnlyList<VectorUpsert> upserts, IReadOnlyList<long> removals)
    {
        foreach (var upsert in upserts)
            VectorRules.Check(upsert.Vector.Span, Dimensions, $"The vector of id {upsert.Id}", nameof(upserts));
        if (upserts.Count == 0 && removals.Count == 0)
            return;

        lock (_writing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var drafts = new List<SegmentDraft>();
            foreach (var view in _snapshot.Views)
                drafts.Add(new SegmentDraft(view));
            foreach (var id in removals)
                Bury(drafts, id);
            foreach (var upsert in upserts)
                Bury(drafts, upsert.Id);
            Add(drafts, upserts);
            var views = SegmentCompaction.Run(drafts.ConvertAll(static d => d.Finish()), Settings.SegmentRows, NewSegment);
            Leave(_snapshot.Views, views);
            Volatile.Write(ref _snapshot, new VectorSnapshot(Dimensions, Settings, views));
        }
    }

    /// <summary>
    /// Empties the index and frees its memory as soon as the searches under way are done. Snapshots taken before then refuse to be searched.
    /// </summary>
    public void Dispose()
    {
        lock (_writing)
        {
            _disposed = true;
            var last = _snapshot;
            Volatile.Write(ref _snapshot, new VectorSnapshot(Dimensions, Settings, []));
            foreach (var view in last.Views)
                view.Segment.Dispose();
            foreach (var reference in _former)
                if (reference.TryGetTarget(out var segment))
                    segment.Dispose();
            _former.Clear();
        }
    }

    private void Leave(ReadOnlySpan<SegmentView> before, SegmentView[] now)
    {
        _former.RemoveAll(static reference => !reference.TryGetTarget(out _));
        var kept = now.Select(static view => view.Segment).ToHashSet();
        foreach (var view in before)
            if (!kept.Contains(view.Segment))
                _former.Add(new WeakReference<VectorSegment>(view.Segment));
    }

    private static void Bury(List<SegmentDraft> drafts, long id)
    {
        foreach (var draft in drafts)
            if (draft.Bury(id))
                return;
    }

    private void Add(List<SegmentDraft> drafts, IReadOnlyList<VectorUpsert> upserts)
    {
        var latest = Latest(upserts);
        var open = drafts.Count > 0 ? drafts[^1] : null;
        for (var i = 0; i < upserts.Count; i++)
        {
            if (latest is not null && latest[upserts[i].Id] != i)
                continue;
            // Segments double until they are as large as they get, so that small indexes stay small.
            if (open is null or { Full: true })
                drafts.Add(open = new SegmentDraft(NewSegment(Math.Clamp(Math.Max(upserts.Count - i, _snapshot.Count), FewestRows, Settings.SegmentRows))));
            open.Add(upserts[i].Id, upserts[i].Vector);
        }
    }

    /// <summary>Where each id stands last; null: the ids ascend, so that none stands twice.</summary>
    private static Dictionary<long, int>? Latest(IReadOnlyList<VectorUpsert> upserts)
    {
        var i = 1;
        while (i < upserts.Count && upserts[i].Id > upserts[i - 1].Id)
            i++;
        if (i >= upserts.Count)
            return null;
        var latest = new Dictionary<long, int>(upserts.Count);
        for (i = 0; i < upserts.Count; i++)
            latest[upserts[i].Id] = i;
        return latest;
    }

    private VectorSegment NewSegment(int rows) => new(rows, Dimensions, Settings, _account);
}
