using System.Diagnostics.Metrics;

namespace Weir.Server.Keys;

/// <summary>Keys in numbers; never by key, whose number nothing bounds.</summary>
internal sealed class KeyMetrics
{
    private readonly Counter<long> _refused;
    private readonly Counter<long> _flushFailures;

    public KeyMetrics(IMeterFactory meters, KeyRing ring)
    {
        var meter = meters.Create("Weir.Keys");
        _refused = meter.CreateCounter<long>("weir.keys.refused", "{request}", "Requests refused because a limit of their key was reached, by limit.");
        _flushFailures = meter.CreateCounter<long>("weir.usage.flush_failures", "{flush}", "Times that counted usage could not be written to the state store; it is kept and tried again.");
        meter.CreateObservableUpDownCounter("weir.keys.stored", () => ring.Table?.Records.Count ?? 0, "{key}", "Keys in the state store.");
    }

    public void Refused(KeyLimit limit) => _refused.Add(1, new KeyValuePair<string, object?>("limit", Name(limit)));

    public void FlushFailed() => _flushFailures.Add(1);

    private static string Name(KeyLimit limit) => limit switch
    {
        KeyLimit.Spend => "spend",
        KeyLimit.InFlight => "in_flight",
        KeyLimit.Requests => "requests_per_minute",
        _ => "tokens_per_minute",
    };
}
