using System.Diagnostics.Metrics;

namespace Weir.Inference.Caching;

/// <summary>What the cache counts.</summary>
internal sealed class CacheMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _evictions;
    private readonly Counter<long> _shared;

    public CacheMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(InferenceMetrics.MeterName);
        _requests = _meter.CreateCounter<long>("weir.cache.requests", "{request}", "Requests that were cached or joined, by what came of it: hit, miss, coalesced.");
        _evictions = _meter.CreateCounter<long>("weir.cache.evictions", "{answer}", "Answers that made room for others or whose time was up.");
        _shared = _meter.CreateCounter<long>("weir.cache.shared", "{operation}", "Operations on the cache that replicas share, by kind and outcome: ok, failed, late, skipped.");
    }

    public void Observe(LocalAnswers answers)
    {
        _meter.CreateObservableUpDownCounter("weir.cache.bytes", () => answers.Bytes, "By", "Held by kept answers in this process, overhead included.");
        _meter.CreateObservableUpDownCounter("weir.cache.answers", () => (long)answers.Count, "{answer}", "Answers kept in this process.");
    }

    public void Served(string operation, CacheOutcome outcome) => _requests.Add(
        1, new("operation", operation), new("outcome", outcome switch { CacheOutcome.Hit => "hit", CacheOutcome.Miss => "miss", _ => "coalesced" }));

    public void Evicted() => _evictions.Add(1);

    public void Shared(string kind, string outcome) => _shared.Add(1, new("kind", kind), new("outcome", outcome));

    public void Dispose() => _meter.Dispose();
}
