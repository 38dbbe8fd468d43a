using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Weir.Server.Observability.Metrics;

/// <summary>How values of one instrument become a number.</summary>
internal enum SeriesKind
{
    /// <summary>Adds up and only grows.</summary>
    Counter,

    /// <summary>Adds up, both ways.</summary>
    UpDown,

    /// <summary>The last value counts.</summary>
    Gauge,

    /// <summary>The last value of something that only grows.</summary>
    ObservedCounter,

    /// <summary>Counts values by bucket.</summary>
    Histogram,
}

/// <summary>The series of one instrument, by tags.</summary>
internal sealed class InstrumentSeries
{
    private readonly ConcurrentDictionary<int, TagEntry> _byHash = new();
    private readonly Dictionary<string, Series> _byText = new(StringComparer.Ordinal);
    private readonly Lock _adding = new();
    private readonly double[] _bounds;
    private int _entries;
    private long _dropped;
    private long _generation;

    private InstrumentSeries(Instrument instrument, SeriesKind kind, double[] bounds)
    {
        Kind = kind;
        Name = PrometheusText.NameOf(instrument.Name, instrument.Unit, kind);
        Help = instrument.Description ?? instrument.Name;
        IsObserved = instrument.IsObservable;
        _bounds = bounds;
    }

    public string Name { get; }

    public string Help { get; }

    public SeriesKind Kind { get; }

    public bool IsObserved { get; }

    public double[] Bounds => _bounds;

    /// <summary>Measurements whose tags came too late to get a series.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    public long Generation
    {
        get => Volatile.Read(ref _generation);
        set => Volatile.Write(ref _generation, value);
    }

    /// <summary>Null for a sort of instrument that this exporter does not know.</summary>
    public static InstrumentSeries? Of(Instrument instrument)
    {
        var type = instrument.GetType();
        if (!type.IsGenericType) return null;

        var sort = type.GetGenericTypeDefinition();
        SeriesKind? kind =
            sort == typeof(Counter<>) ? SeriesKind.Counter
            : sort == typeof(UpDownCounter<>) ? SeriesKind.UpDown
            : sort == typeof(Histogram<>) ? SeriesKind.Histogram
            : sort == typeof(ObservableCounter<>) ? SeriesKind.ObservedCounter
            : sort == typeof(Gauge<>) || sort == typeof(ObservableGauge<>) || sort == typeof(ObservableUpDownCounter<>) ? SeriesKind.Gauge
            : null;
        return kind is { } known ? new InstrumentSeries(instrument, known, known == SeriesKind.Histogram ? Buckets.Of(instrument) : []) : null;
    }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = Hash(tags);
        Series? series = null;
        _byHash.TryGetValue(hash, out var entry);
        for (var e = entry; e is not null; e = e.Next)
        {
            if (!e.Matches(tags)) continue;
            series = e.Series;
            break;
        }

        series ??= Add(hash, tags);
        if (series is null)
        {
            Interlocked.Increment(ref _dropped);
            return;
        }

        series.Record(Kind, value, _bounds);
        if (IsObserved) series.Generation = Generation;
    }

    /// <summary>Series as they are now; of an observed instrument, those reported in this round.</summary>
    public IReadOnlyList<(string Tags, Series Series)> Snapshot()
    {
        lock (_adding)
        {
            return [.. _byText
                .Where(s => !IsObserved || s.Value.Generation == Generation)
                .OrderBy(s => s.Key, StringComparer.Ordinal)
                .Select(s => (s.Key, s.Value))];
        }
    }

    private Series? Add(int hash, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_adding)
        {
            _byHash.TryGetValue(hash, out var chain);
            for (var e = chain; e is not null; e = e.Next)
            {
                if (e.Matches(tags)) return e.Series;
            }

            // The same tags in another order are the same series.
            var text = PrometheusText.Tags(tags);
            if (!_byText.TryGetValue(text, out var series))
            {
                if (_byText.Count >= MetricsReader.MaxSeries) return null;
                series = new Series(_bounds.Length);
                _byText.Add(text, series);
            }

            if (_entries < MetricsReader.MaxSeries * 4)
            {
                _entries++;
                _byHash[hash] = new TagEntry([.. tags], series, chain);
            }

            return series;
        }
    }

    // Of keys the length is enough to tell most apart; Matches compares the rest.
    private static int Hash(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = new HashCode();
        foreach (var (key, value) in tags)
        {
            hash.Add(key.Length);
            hash.Add(value is null ? 0 : value.GetHashCode());
        }

        return hash.ToHashCode();
    }

    private sealed class TagEntry(KeyValuePair<string, object?>[] tags, Series series, TagEntry? next)
    {
        public Series Series => series;

        public TagEntry? Next => next;

        public bool Matches(ReadOnlySpan<KeyValuePair<string, object?>> other)
        {
            if (other.Length != tags.Length) return false;
            for (var i = 0; i < tags.Length; i++)
            {
                if (!string.Equals(tags[i].Key, other[i].Key, StringComparison.Ordinal) || !Equals(tags[i].Value, other[i].Value)) return false;
            }

            return true;
        }
    }
}
