using System.Diagnostics.Metrics;

namespace Weir.Server.Observability.Metrics;

/// <summary>Bounds of histograms: the instrument's own advice, else by its unit.</summary>
internal static class Buckets
{
    private static readonly double[] Seconds =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

    // OpenTelemetry's recommendation for gen_ai.client.token.usage.
    private static readonly double[] Tokens =
        [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

    private static readonly double[] Bytes =
        [256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

    private static readonly double[] Numbers =
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];

    public static double[] Of(Instrument instrument)
    {
        var advised = instrument switch
        {
            Histogram<double> h => Advised(h.Advice),
            Histogram<float> h => Advised(h.Advice),
            Histogram<decimal> h => Advised(h.Advice),
            Histogram<long> h => Advised(h.Advice),
            Histogram<int> h => Advised(h.Advice),
            Histogram<short> h => Advised(h.Advice),
            Histogram<byte> h => Advised(h.Advice),
            _ => null,
        };
        if (advised is not null) return advised;

        return instrument.Unit switch
        {
            "s" => Seconds,
            "{token}" => Tokens,
            "By" => Bytes,
            _ => Numbers,
        };
    }

    private static double[]? Advised<T>(InstrumentAdvice<T>? advice)
        where T : struct =>
        advice?.HistogramBucketBoundaries is { Count: > 0 } bounds
            ? [.. bounds.Select(b => Convert.ToDouble(b, System.Globalization.CultureInfo.InvariantCulture)).Order()]
            : null;
}
