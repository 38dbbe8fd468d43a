using System.Diagnostics.Metrics;

namespace Weir.Retrieval.Embedding.Counting;

/// <summary>What the embedding service is measured by, read when somebody collects: the hot path counts once.</summary>
internal sealed class EmbeddingServiceMetrics : IDisposable
{
    public const string MeterName = "Weir.Retrieval";

    private readonly Meter _meter;

    public EmbeddingServiceMetrics(IMeterFactory factory, EmbeddingService service)
    {
        _meter = factory.Create(MeterName);
        var counts = service.Counts;
        _meter.CreateObservableCounter(
            "weir.embeddings.inputs",
            () => new Measurement<long>[]
            {
                new(counts.Hits, Outcome("hit")), new(counts.Misses, Outcome("miss")),
                new(counts.Joined, Outcome("coalesced")), new(counts.Unanswered, Outcome("unanswered")),
            },
            "{input}",
            "Inputs asked for, by what became of them: hit, miss, coalesced, unanswered.");
        _meter.CreateObservableCounter("weir.embeddings.upstream_calls", () => counts.Calls, "{call}", "Calls to embedding models of providers.");
        _meter.CreateObservableCounter("weir.embeddings.evictions", () => service.Cache.Count().Evictions, "{vector}", "Vectors that made room for others.");
        _meter.CreateObservableUpDownCounter("weir.embeddings.cache.entries", () => service.Cache.Count().Entries, "{vector}", "Vectors kept in this process.");
        _meter.CreateObservableUpDownCounter("weir.embeddings.cache.bytes", () => service.Cache.Count().Bytes, "By", "Held by kept vectors in this process, overhead included.");
        _meter.CreateObservableUpDownCounter("weir.embeddings.encoder.queue", () => service.Encoders.Queued, "{input}", "Inputs that wait for an encoder.");
        _meter.CreateObservableUpDownCounter("weir.embeddings.encoder.threads", () => service.Encoders.Threads, "{thread}", "Threads on which local models run.");
        _meter.CreateObservableCounter("weir.embeddings.encoder.refused", () => service.Encoders.Refused, "{input}", "Inputs that found the queue full.");
        _meter.CreateObservableCounter(
            "weir.embeddings.store.writes",
            () => new Measurement<long>[] { new(service.Writes.Written, Outcome("written")), new(service.Writes.Dropped, Outcome("dropped")) },
            "{vector}",
            "Vectors for the state store's cache, by whether they were written or dropped.");
    }

    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?> Outcome(string outcome) => new("outcome", outcome);
}
