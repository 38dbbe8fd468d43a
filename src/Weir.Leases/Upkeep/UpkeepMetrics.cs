using System.Diagnostics.Metrics;

namespace Weir.Leases.Upkeep;

/// <summary>What the upkeep of resources is measured by, by kind and outcome.</summary>
internal sealed class UpkeepMetrics : IDisposable
{
    /// <summary>The meter of leases.</summary>
    public const string MeterName = "Weir.Leases";

    private static readonly InstrumentAdvice<double> Works = new() { HistogramBucketBoundaries = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] };

    private readonly Meter _meter;
    private readonly Histogram<double> _resets;
    private readonly Histogram<double> _made;
    private readonly Counter<long> _checks;

    public UpkeepMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _resets = _meter.CreateHistogram("weir.leases.reset.duration", "s", "Bringing a resource back to use: resets, new instances, and the removal of what is not asked for any more.", advice: Works);
        _made = _meter.CreateHistogram("weir.leases.instance.duration", "s", "Making the instance of a resource that was granted without one.", advice: Works);
        _checks = _meter.CreateCounter<long>("weir.leases.checks.failed", "{check}", "Checks of resources that failed, or did not end in time.");
    }

    public void Reset(string kind, LeaseError? error, TimeSpan took) => _resets.Record(took.TotalSeconds, new("kind", kind), new("outcome", OutcomeOf(error)));

    public void Made(string kind, LeaseError? error, TimeSpan took) => _made.Record(took.TotalSeconds, new("kind", kind), new("outcome", OutcomeOf(error)));

    public void CheckFailed(string kind) => _checks.Add(1, new KeyValuePair<string, object?>("kind", kind));

    public void Dispose() => _meter.Dispose();

    // A kind's own codes may be many.
    private static string OutcomeOf(LeaseError? error) => error is null ? "complete" : error.Code is "kind_timeout" ? "timeout" : "failed";
}
