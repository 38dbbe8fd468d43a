using System.Diagnostics.Metrics;
using Weir.Leases.Broker;

namespace Weir.Leases.Doors;

/// <summary>What doors are measured by.</summary>
internal sealed class DoorMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _cut;

    public DoorMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(LeaseMetrics.MeterName);
        _requests = _meter.CreateCounter<long>("weir.doors.requests", "{request}", "Requests that this replica let in through doors, by kind.");
        _refused = _meter.CreateCounter<long>("weir.doors.refused", "{request}", "Requests that were not let in through doors, by the code of the error.");
        _cut = _meter.CreateCounter<long>("weir.doors.cut", "{request}", "Requests that were let in and cut because the right to be there had ended, by the code of the error.");
    }

    // Kinds are definitions, which an operator makes; codes are ours: there are not many of either.
    public void Entered(string kind) => _requests.Add(1, new KeyValuePair<string, object?>("kind", kind));

    public void Refused(LeaseError error) => _refused.Add(1, new KeyValuePair<string, object?>("code", error.Code));

    public void WasCut(LeaseError error) => _cut.Add(1, new KeyValuePair<string, object?>("code", error.Code));

    public void Dispose() => _meter.Dispose();
}
