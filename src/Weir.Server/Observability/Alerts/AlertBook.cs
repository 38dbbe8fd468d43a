namespace Weir.Server.Observability.Alerts;

/// <summary>
/// Remembers which alerts are on, so that each has one beginning and one end: it begins when its rule was past the threshold at
/// <c>begin</c> looks in a row, and ends when it was not at <c>end</c> looks in a row. One writer; <see cref="Active"/> is a snapshot.
/// </summary>
internal sealed class AlertBook(int begin, int end)
{
    private readonly Dictionary<(string Alert, string Subject), Entry> _entries = [];
    private volatile IReadOnlyList<ActiveAlert> _active = [];

    public IReadOnlyList<ActiveAlert> Active => _active;

    /// <summary>Takes the findings of one look; a rule that is on gives one at each. What gives none any more has ended.</summary>
    public IReadOnlyList<AlertChange> Step(IReadOnlyList<Finding> findings, DateTimeOffset now)
    {
        var changes = new List<AlertChange>();
        var seen = new HashSet<(string, string)>();
        foreach (var finding in findings)
        {
            var key = (finding.Alert, finding.Subject);
            seen.Add(key);
            if (Step(key, finding, now) is { } change) changes.Add(change);
        }

        foreach (var (key, entry) in _entries.Where(e => !seen.Contains(e.Key)).ToList())
        {
            _entries.Remove(key);
            if (entry.Alert is { } gone) changes.Add(new AlertChange(gone, IsBegin: false, now));
        }

        if (changes.Count > 0 || _active.Count > 0) _active = [.. _entries.Values.Select(e => e.Alert).OfType<ActiveAlert>().OrderBy(a => a.Since)];
        return changes;
    }

    private AlertChange? Step((string Alert, string Subject) key, in Finding finding, DateTimeOffset now)
    {
        if (!_entries.TryGetValue(key, out var entry))
        {
            // What was never bad needs no memory.
            if (!finding.IsBad) return null;
            _entries[key] = entry = new Entry();
        }

        if (finding.IsBad)
        {
            entry.Good = 0;
            entry.Bad++;
            entry.Since ??= now;
            if (entry.Alert is { } on)
            {
                entry.Alert = on with { Value = finding.Value ?? on.Value, Threshold = finding.Threshold };
                return null;
            }

            if (entry.Bad < begin) return null;
            entry.Alert = new ActiveAlert(Guid.NewGuid().ToString("N"), key.Alert, key.Subject, finding.Value ?? 0, finding.Threshold, entry.Since.Value);
            return new AlertChange(entry.Alert, IsBegin: true, now);
        }

        entry.Bad = 0;
        if (entry.Alert is null)
        {
            _entries.Remove(key);
            return null;
        }

        if (++entry.Good < end) return null;
        _entries.Remove(key);
        return new AlertChange(entry.Alert with { Value = finding.Value ?? entry.Alert.Value }, IsBegin: false, now);
    }

    private sealed class Entry
    {
        public int Bad { get; set; }

        public int Good { get; set; }

        public DateTimeOffset? Since { get; set; }

        public ActiveAlert? Alert { get; set; }
    }
}

/// <summary>An alert that has begun and not ended.</summary>
/// <param name="Id">The same at its beginning and its end.</param>
/// <param name="Alert">The rule.</param>
/// <param name="Subject">What of it; empty where there is one only.</param>
/// <param name="Value">What was measured last: a share, seconds, requests a second, a score, or how often a breaker has opened.</param>
/// <param name="Threshold">What it is held against.</param>
/// <param name="Since">When it was first past it.</param>
internal sealed record ActiveAlert(string Id, string Alert, string Subject, double Value, double Threshold, DateTimeOffset Since);

/// <summary>A beginning or an end.</summary>
internal sealed record AlertChange(ActiveAlert Alert, bool IsBegin, DateTimeOffset At);
