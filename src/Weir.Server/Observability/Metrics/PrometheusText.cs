using System.Globalization;
using System.Text;

namespace Weir.Server.Observability.Metrics;

/// <summary>Prometheus' text format, version 0.0.4; names as OpenTelemetry's rules for it make them.</summary>
internal sealed class PrometheusText
{
    private readonly StringBuilder _text = new(16 * 1024);

    /// <summary>Dots become underscores; a unit that is one becomes a suffix; counters end in <c>_total</c>.</summary>
    public static string NameOf(string name, string? unit, SeriesKind kind)
    {
        var result = Legal(name);
        var suffix = unit switch
        {
            "s" => "seconds",
            "ms" => "milliseconds",
            "By" => "bytes",
            "1" when kind is SeriesKind.Gauge => "ratio",
            _ => null,
        };
        if (suffix is not null && !result.EndsWith(suffix, StringComparison.Ordinal)) result += "_" + suffix;
        if (kind is SeriesKind.Counter or SeriesKind.ObservedCounter && !result.EndsWith("_total", StringComparison.Ordinal)) result += "_total";
        return result;
    }

    /// <summary>Tags as labels, sorted, without the braces.</summary>
    public static string Tags(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.Length == 0) return "";

        var sorted = tags.ToArray();
        Array.Sort(sorted, static (a, b) => string.CompareOrdinal(a.Key, b.Key));
        var text = new StringBuilder();
        foreach (var (key, value) in sorted)
        {
            if (text.Length > 0) text.Append(',');
            text.Append(Legal(key)).Append("=\"");
            AppendEscaped(text, Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", quotes: true);
            text.Append('"');
        }

        return text.ToString();
    }

    /// <summary>Instruments of one name are one family, whatever meters they belong to.</summary>
    public void WriteFamily(IReadOnlyList<InstrumentSeries> instruments)
    {
        var first = instruments[0];
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var header = false;
        foreach (var instrument in instruments)
        {
            // A name means one thing: an instrument that says otherwise would make the whole page unreadable.
            if (instrument.Kind != first.Kind) continue;
            foreach (var (tags, series) in instrument.Snapshot())
            {
                if (!seen.Add(tags)) continue;
                if (!header)
                {
                    WriteHeader(first.Name, first.Help, TypeOf(first.Kind));
                    header = true;
                }

                if (instrument.Kind == SeriesKind.Histogram) WriteHistogram(instrument, tags, series);
                else WriteLine(instrument.Name, tags, series.Value);
            }
        }
    }

    public void WriteDropped(IEnumerable<InstrumentSeries> instruments)
    {
        const string Name = "weir_metrics_dropped_measurements_total";
        WriteHeader(Name, "Measurements that got no series because their instrument had too many.", "counter");
        WriteLine(Name, "", 0);
        foreach (var family in instruments.GroupBy(i => i.Name, StringComparer.Ordinal))
            WriteLine(Name, $"instrument=\"{family.Key}\"", family.Sum(i => i.Dropped));
    }

    public override string ToString() => _text.ToString();

    private static string TypeOf(SeriesKind kind) => kind switch
    {
        SeriesKind.Counter or SeriesKind.ObservedCounter => "counter",
        SeriesKind.Histogram => "histogram",
        _ => "gauge",
    };

    private void WriteHeader(string name, string help, string type)
    {
        _text.Append("# HELP ").Append(name).Append(' ');
        AppendEscaped(_text, help, quotes: false);
        _text.Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
    }

    private void WriteHistogram(InstrumentSeries instrument, string tags, Series series)
    {
        var buckets = series.Buckets();
        var comma = tags.Length == 0 ? "" : ",";
        long count = 0;
        for (var i = 0; i < buckets.Length; i++)
        {
            count += buckets[i];
            var bound = i < instrument.Bounds.Length ? Number(instrument.Bounds[i]) : "+Inf";
            WriteLine(instrument.Name + "_bucket", $"{tags}{comma}le=\"{bound}\"", count);
        }

        WriteLine(instrument.Name + "_sum", tags, series.Value);
        WriteLine(instrument.Name + "_count", tags, count);
    }

    private void WriteLine(string name, string tags, double value)
    {
        _text.Append(name);
        if (tags.Length > 0) _text.Append('{').Append(tags).Append('}');
        _text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static string Legal(string name)
    {
        var text = new StringBuilder(name.Length + 1);
        foreach (var c in name)
        {
            if (text.Length == 0 && char.IsAsciiDigit(c)) text.Append('_');
            text.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        }

        return text.ToString();
    }

    private static void AppendEscaped(StringBuilder text, string value, bool quotes)
    {
        foreach (var c in value)
        {
            switch (c)
            {
                case '\\': text.Append("\\\\"); break;
                case '\n': text.Append("\\n"); break;
                case '"' when quotes: text.Append("\\\""); break;
                default: text.Append(c); break;
            }
        }
    }
}
