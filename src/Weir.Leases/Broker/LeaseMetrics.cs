using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;

namespace Weir.Leases.Broker;

/// <summary>What leases are measured by; and how often each kind was given out and back by this replica since its start.</summary>
internal sealed class LeaseMetrics : IDisposable
{
    public const string MeterName = "Weir.Leases";

    private static readonly InstrumentAdvice<double> Waits = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 3600],
    };

    private readonly ConcurrentDictionary<string, KindCount> _kinds = new(StringComparer.Ordinal);
    private readonly Meter _meter;
    private readonly Counter<long> _allocations;
    private readonly Counter<long> _releases;
    private readonly Histogram<double> _waits;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _races;

    public LeaseMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _allocations = _meter.CreateCounter<long>("weir.leases.allocations", "{resource}", "Resources given out by this replica, by kind.");
        _releases = _meter.CreateCounter<long>("weir.leases.releases", "{resource}", "Resources that came back through this replica, by kind and reason.");
        _waits = _meter.CreateHistogram("weir.leases.wait", "s", "From the request of a lease to when it was ready, or to its failure, by outcome.", advice: Waits);
        _refused = _meter.CreateCounter<long>("weir.leases.refused", "{request}", "Requests of a lease that were not served, by the code of the error.");
        _races = _meter.CreateCounter<long>("weir.leases.lost_races", "{grant}", "Grants that another replica was before, and that were tried again.");
    }

    /// <summary>Begins to tell how many wait, and how many of each kind are leased in the whole fleet.</summary>
    public void Observe(FleetView view)
    {
        _meter.CreateObservableUpDownCounter("weir.leases.waiting", () => Waiting(view), "{lease}", "Leases that wait, in the whole fleet.");
        _meter.CreateObservableUpDownCounter("weir.leases.leased", () => Leased(view), "{resource}", "Resources that are leased, in the whole fleet, by kind.");
    }

    public void GaveOut(LeaseRecord lease)
    {
        foreach (var holding in lease.Holdings)
        {
            Interlocked.Increment(ref CountOf(holding.Kind).Allocations);
            _allocations.Add(1, Kind(holding.Kind));
        }
    }

    public void Ready(LeaseRecord lease) =>
        _waits.Record(Math.Max(0, ((lease.ReadyAt ?? lease.AskedAt) - lease.AskedAt).TotalSeconds), new KeyValuePair<string, object?>("outcome", "ready"));

    public void Ended(LeaseRecord lease, LeaseEnding ending)
    {
        foreach (var holding in lease.Holdings)
            CameBack(holding.Kind, lease.State switch { LeaseState.Released => "released", LeaseState.Expired => "expired", _ => "failed" });
        if (lease.State == LeaseState.Failed && ending.Code is { } code)
            _waits.Record(Math.Max(0, (lease.EndsAt - lease.AskedAt).TotalSeconds), new KeyValuePair<string, object?>("outcome", code));
    }

    public void GaveBack(IEnumerable<string> kinds)
    {
        foreach (var kind in kinds)
            CameBack(kind, "released");
    }

    // Codes are ours, so there are not many.
    public void Refused(LeaseError error) => _refused.Add(1, new KeyValuePair<string, object?>("code", error.Code));

    public void LostRace() => _races.Add(1);

    /// <summary>Resources of a kind that this replica has given out, and taken back, since its start.</summary>
    public (long Allocations, long Releases) Of(string kind) => _kinds.TryGetValue(kind, out var count) ? (Interlocked.Read(ref count.Allocations), Interlocked.Read(ref count.Releases)) : (0, 0);

    public void Dispose() => _meter.Dispose();

    private void CameBack(string kind, string reason)
    {
        Interlocked.Increment(ref CountOf(kind).Releases);
        _releases.Add(1, Kind(kind), new("reason", reason));
    }

    // Kinds are definitions, which an operator makes.
    private KindCount CountOf(string kind) => _kinds.GetOrAdd(kind, static _ => new KindCount());

    private static KeyValuePair<string, object?> Kind(string kind) => new("kind", kind);

    private static long Waiting(FleetView view)
    {
        lock (view.Sync)
            return view.Tables.Line.Count;
    }

    private static List<Measurement<long>> Leased(FleetView view)
    {
        lock (view.Sync)
        {
            return
            [
                .. view.Tables.Resources.Values.Where(resource => resource.Record.State == ResourceState.Leased)
                    .GroupBy(resource => resource.Record.Kind, StringComparer.Ordinal).Select(kind => new Measurement<long>(kind.Count(), Kind(kind.Key))),
            ];
        }
    }

    private sealed class KindCount
    {
        public long Allocations;
        public long Releases;
    }
}
