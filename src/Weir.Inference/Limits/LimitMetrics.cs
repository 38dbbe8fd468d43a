using System.Diagnostics.Metrics;

namespace Weir.Inference.Limits;

/// <summary>Shared limits in numbers; never by window, whose number nothing bounds.</summary>
public sealed class LimitMetrics : IDisposable
{
    public const string MeterName = "Weir.Limits";

    private readonly Meter _meter;
    private readonly Counter<long> _wishes;
    private readonly Counter<long> _failures;

    public LimitMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _wishes = _meter.CreateCounter<long>("weir.limits.wishes", "{wish}", "Blocks of shared windows asked for, by outcome: granted, full.");
        _failures = _meter.CreateCounter<long>("weir.limits.failures", "{write}", "Writes of shared windows that the store did not answer, or lost to other replicas every time.");
    }

    public void Dispose() => _meter.Dispose();

    internal void Watch(SharedWindows windows)
    {
        _meter.CreateObservableGauge("weir.limits.replicas", () => windows.Replicas, "{replica}", "Live replicas that share the limits, this one included.");
        _meter.CreateObservableGauge("weir.limits.local", () => windows.IsAway ? 1 : 0, null, "1 while the store does not answer and each replica keeps to its part of each limit.");
        _meter.CreateObservableGauge("weir.limits.windows", () => windows.Active, "{window}", "Shared windows in use.");
    }

    internal void Wished(bool granted) => _wishes.Add(1, new KeyValuePair<string, object?>("outcome", granted ? "granted" : "full"));

    internal void Failed() => _failures.Add(1);
}
