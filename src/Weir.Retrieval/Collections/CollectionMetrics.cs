using System.Diagnostics.Metrics;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Embedding.Counting;

namespace Weir.Retrieval.Collections;

/// <summary>What collections are measured by. Those that all share go by name; those of tenants, who may make thousands, go together.</summary>
internal sealed class CollectionMetrics : IDisposable
{
    /// <summary>The label of what belongs to a tenant: no collection's name, since it has an underscore in front.</summary>
    public const string Tenants = "_TENANTS";

    private static readonly InstrumentAdvice<double> Searches = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    };

    private static readonly InstrumentAdvice<double> Works = new()
    {
        HistogramBucketBoundaries = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800],
    };

    private readonly Meter _meter;
    private readonly Histogram<double> _search;
    private readonly Histogram<double> _ingest;
    private readonly Histogram<double> _build;
    private readonly Counter<long> _documents;

    public CollectionMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(EmbeddingServiceMetrics.MeterName);
        _search = _meter.CreateHistogram("weir.collections.search.duration", "s", "Searches by mode and outcome, waiting for an index included.", advice: Searches);
        _ingest = _meter.CreateHistogram("weir.collections.ingest.duration", "s", "Ingests by outcome, from the first document to the last commit.", advice: Works);
        _build = _meter.CreateHistogram("weir.collections.build.duration", "s", "Building the index of a collection in this process, from the store.", advice: Works);
        _documents = _meter.CreateCounter<long>("weir.collections.ingest.documents", "{document}", "Documents of ingests: stored, unchanged or failed.");
    }

    /// <summary>Begins to tell how much the indexes in this process hold.</summary>
    public void Observe(Func<IEnumerable<CollectionView>> views)
    {
        _meter.CreateObservableUpDownCounter("weir.collections.documents", () => Sum(views(), view => view.Documents ?? 0), "{document}", "Documents of the indexes in this process.");
        _meter.CreateObservableUpDownCounter("weir.collections.chunks", () => Sum(views(), view => view.Chunks ?? 0), "{chunk}", "Chunks of the indexes in this process.");
        _meter.CreateObservableUpDownCounter("weir.collections.index.bytes", () => Sum(views(), view => view.IndexBytes ?? 0), "By", "Held by the indexes in this process, estimated.");
    }

    public void Searched(string name, bool isGlobal, CollectionSearchMode mode, RetrievalError? error, TimeSpan took)
    {
        if (_search.Enabled)
            _search.Record(took.TotalSeconds, Label(name, isGlobal), new("mode", NameOf(mode)), new("outcome", OutcomeOf(error)));
    }

    public void Ingested(string name, bool isGlobal, IngestReport report, RetrievalError? error, TimeSpan took)
    {
        var label = Label(name, isGlobal);
        _ingest.Record(took.TotalSeconds, label, new("outcome", OutcomeOf(error)));
        _documents.Add(report.Documents, label, new("outcome", "stored"));
        _documents.Add(report.Unchanged, label, new("outcome", "unchanged"));
        _documents.Add(report.FailedTotal, label, new("outcome", "failed"));
    }

    public void Built(string name, bool isGlobal, TimeSpan took) => _build.Record(took.TotalSeconds, Label(name, isGlobal));

    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?> Label(string name, bool isGlobal) => new("collection", isGlobal ? name : Tenants);

    // Codes are ours, so there are not many.
    private static string OutcomeOf(RetrievalError? error) => error?.Code ?? "complete";

    private static string NameOf(CollectionSearchMode mode) => mode switch
    {
        CollectionSearchMode.Dense => "dense",
        CollectionSearchMode.Sparse => "sparse",
        _ => "hybrid",
    };

    private static IEnumerable<Measurement<long>> Sum(IEnumerable<CollectionView> views, Func<CollectionView, long> value) =>
        views.GroupBy(view => view.Global ? view.Name : Tenants, value, StringComparer.Ordinal)
            .Select(group => new Measurement<long>(group.Sum(), new KeyValuePair<string, object?>("collection", group.Key)));
}
