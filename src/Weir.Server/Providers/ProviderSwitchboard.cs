using Weir.Inference.Providers;

namespace Weir.Server.Providers;

/// <summary>
/// What this replica holds to be true of each provider's record, and the one place that acts on it. The newest version counts; what was done
/// here while the store was away counts until a newer version of the record comes from it.
/// </summary>
internal sealed class ProviderSwitchboard(ProviderControl control)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private bool _hasSnapshot;

    /// <summary>The record as it stands here; an empty one where there is none.</summary>
    public ProviderRecord RecordOf(string provider)
    {
        lock (_gate) return _entries.GetValueOrDefault(provider)?.Record ?? new ProviderRecord();
    }

    /// <summary>A record as the store has it.</summary>
    public void Stored(string provider, ProviderRecord record, long version)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(provider, out var known) && known.Version >= version) return;
            Put(provider, new Entry(record, version, IsShared: true), known, act: true);
        }
    }

    /// <summary>All records as the store has them. The first time, resets are only remembered: what has just started holds nothing to reset.</summary>
    public void Stored(IReadOnlyDictionary<string, (ProviderRecord Record, long Version)> all)
    {
        lock (_gate)
        {
            var isFirst = !_hasSnapshot;
            _hasSnapshot = true;
            foreach (var (provider, (record, version)) in all)
            {
                // A store that came back from an older state has lower versions, and is the truth all the same.
                if (_entries.TryGetValue(provider, out var known) && (known.Version == version || (!known.IsShared && known.Version >= version))) continue;
                Put(provider, new Entry(record, version, IsShared: true), known, act: !isFirst);
            }

            foreach (var (provider, known) in _entries.Where(e => e.Value.IsShared && !all.ContainsKey(e.Key)).ToList())
                Put(provider, new Entry(new ProviderRecord(), 0, IsShared: true), known, act: false);
        }
    }

    /// <summary>What could not be stored holds here alone.</summary>
    public void Local(string provider, ProviderRecord record)
    {
        lock (_gate)
        {
            var known = _entries.GetValueOrDefault(provider);
            Put(provider, new Entry(record, known?.Version ?? 0, IsShared: false), known, act: true);
        }
    }

    private void Put(string provider, Entry entry, Entry? before, bool act)
    {
        _entries[provider] = entry;
        control.Pause(provider, entry.Record.Pause is { } pause ? new ProviderPause(pause.Drain, pause.Since, pause.By, entry.IsShared) : null);
        if (act && entry.Record.Reset is { } reset && reset.Id != before?.Record.Reset?.Id) control.Reset(provider);
    }

    private sealed record Entry(ProviderRecord Record, long Version, bool IsShared);
}
