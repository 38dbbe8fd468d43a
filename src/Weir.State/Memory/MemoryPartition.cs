using Weir.State.Documents;

namespace Weir.State.Memory;

/// <summary>The documents of one partition and what became of its commits. The store's lock guards it.</summary>
internal sealed class MemoryPartition
{
    private const long Void = 0;

    private readonly SortedSet<Document> _documents = new(Comparer<Document>.Create((x, y) => KeyOrder.Instance.Compare(x.Key, y.Key)));
    private readonly Dictionary<string, long> _outcomes = new(StringComparer.Ordinal);
    private readonly Queue<(string Id, DateTimeOffset Until)> _remembered = new();

    public long Revision { get; private set; }

    public Document? Find(string key) => _documents.TryGetValue(Probe(key), out var document) ? document : null;

    public IEnumerable<Document> From(string prefix, string? after)
    {
        if (_documents.Max is not { } last)
            return [];
        var first = Probe(after is not null && KeyOrder.Instance.Compare(after, prefix) > 0 ? after : prefix);
        if (KeyOrder.Instance.Compare(first.Key, last.Key) > 0)
            return [];
        return _documents.GetViewBetween(first, last)
            .SkipWhile(d => d.Key == after)
            .TakeWhile(d => d.Key.StartsWith(prefix, StringComparison.Ordinal));
    }

    public IEnumerable<Document> Due(DateTimeOffset now) => _documents.Where(d => d.ExpiresAt <= now);

    public CommitOutcome Apply(Commit commit, DateTimeOffset now, out IReadOnlyList<Change> changes)
    {
        changes = [];
        if (Recall(commit.Id, now) is { } outcome)
            return outcome;
        if (commit.NotAfter < now)
            return new CommitOutcome.Lost([]);
        var lost = Mismatches(commit);
        if (lost.Count > 0)
            return new CommitOutcome.Lost(lost);

        Revision = Revisions.Next(Revision, now);
        changes = [.. commit.Writes.Select(w => Put(w, Revision))];
        Remember(commit.Id, Revision, now);
        return new CommitOutcome.Committed(Revision);
    }

    /// <summary>An id that is not known is marked, so that the commit can no longer land.</summary>
    public CommitOutcome Settle(string id, DateTimeOffset now)
    {
        if (Recall(id, now) is { } outcome)
            return outcome;
        Remember(id, Void, now);
        return new CommitOutcome.Lost([]);
    }

    private static Document Probe(string key) => new(key, 0, default);

    private Change Put(Write write, long revision)
    {
        _documents.Remove(Probe(write.Key));
        if (write.Body is not { } body)
            return new Change(write.Key, null);
        var document = new Document(write.Key, revision, body.ToArray(), write.ExpiresAt?.ToUniversalTime());
        _documents.Add(document);
        return new Change(write.Key, document);
    }

    private List<string> Mismatches(Commit commit)
    {
        var lost = new List<string>();
        foreach (var check in commit.Checks)
            Compare(check.Key, check.Expected);
        foreach (var write in commit.Writes)
            Compare(write.Key, write.Expected);
        return lost;

        void Compare(string key, long expected)
        {
            if ((Find(key)?.Version ?? 0) != expected && !lost.Contains(key))
                lost.Add(key);
        }
    }

    private CommitOutcome? Recall(string id, DateTimeOffset now)
    {
        while (_remembered.TryPeek(out var oldest) && oldest.Until < now)
            _outcomes.Remove(_remembered.Dequeue().Id);
        return _outcomes.TryGetValue(id, out var revision)
            ? revision == Void ? new CommitOutcome.Lost([]) : new CommitOutcome.Committed(revision)
            : null;
    }

    private void Remember(string id, long revision, DateTimeOffset now)
    {
        _outcomes[id] = revision;
        _remembered.Enqueue((id, now + CommitLimits.Remembered));
    }
}
