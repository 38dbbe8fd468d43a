using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;

namespace Weir.Server.Observability.Metrics;

/// <summary>
/// Listens to Weir's instruments and the runtime's, keeps their series, and writes them in Prometheus' text format. Recording on a
/// known series allocates nothing and takes no lock that others hold for long; the number of series is bounded, and what is dropped is counted.
/// </summary>
internal sealed class MetricsReader : IHostedService, IDisposable
{
    /// <summary>Series of one instrument; tags beyond that are dropped.</summary>
    public const int MaxSeries = 2000;

    private static readonly string[] Others = ["System.Runtime", "Microsoft.AspNetCore.Server.Kestrel"];

    private readonly MeterListener _listener = new();
    private readonly object _factory;
    private readonly Lock _gate = new();
    private readonly List<InstrumentSeries> _instruments = [];
    private long _generation;

    public MetricsReader(IMeterFactory factory)
    {
        _factory = factory;
        _listener.InstrumentPublished = OnPublished;
        _listener.MeasurementsCompleted = OnCompleted;
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, state) => Record(state, (double)value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<short>(static (_, value, tags, state) => Record(state, value, tags));
        _listener.SetMeasurementEventCallback<byte>(static (_, value, tags, state) => Record(state, value, tags));
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _listener.Dispose();

    /// <summary>All series now. One reader at a time; recording goes on meanwhile.</summary>
    public string Read()
    {
        lock (_gate)
        {
            // Observed series that are not reported in this round belong to something that is gone.
            var generation = ++_generation;
            foreach (var instrument in _instruments) instrument.Generation = generation;
        }

        // Outside the lock: observing runs the instruments' own code.
        _listener.RecordObservableInstruments();

        lock (_gate)
        {
            var text = new PrometheusText();
            foreach (var family in _instruments.GroupBy(i => i.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
                text.WriteFamily([.. family]);
            text.WriteDropped(_instruments.Where(i => i.Dropped > 0));
            return text.ToString();
        }
    }

    private static void Record(object? state, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        ((InstrumentSeries)state!).Record(value, tags);

    private void OnPublished(Instrument instrument, MeterListener listener)
    {
        // Another server in this process has a factory of its own; meters without one are the runtime's.
        if (instrument.Meter.Scope is { } scope && !ReferenceEquals(scope, _factory)) return;
        if (!instrument.Meter.Name.StartsWith("Weir", StringComparison.Ordinal) && Array.IndexOf(Others, instrument.Meter.Name) < 0) return;
        if (InstrumentSeries.Of(instrument) is not { } series) return;

        lock (_gate) _instruments.Add(series);
        listener.EnableMeasurementEvents(instrument, series);
    }

    private void OnCompleted(Instrument instrument, object? state)
    {
        if (state is not InstrumentSeries series) return;
        lock (_gate) _instruments.Remove(series);
    }
}
