using System.Diagnostics.Metrics;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Serving;
using Weir.Retrieval.Embedding.Counting;

namespace Weir.Retrieval.Catalogs;

/// <summary>What catalogs are measured by. No label names a catalog, a tenant or a server: those are without bound.</summary>
internal sealed class CatalogMetrics
{
    private static readonly InstrumentAdvice<double> Durations = new() { HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] };

    private readonly Histogram<double> _searches;
    private readonly UpDownCounter<long> _servers;
    private readonly Counter<long> _refreshes;

    public CatalogMetrics(IMeterFactory factory, CatalogDirectory directory)
    {
        var meter = factory.Create(EmbeddingServiceMetrics.MeterName);
        meter.CreateObservableUpDownCounter("weir.catalogs.count", () => ByScope(directory, _ => 1), "{catalog}", "Catalogs, by scope: global, or a tenant's.");
        meter.CreateObservableUpDownCounter("weir.catalogs.tools", () => ByScope(directory, entry => entry.Record.Count), "{tool}", "Tools of all catalogs, by scope.");
        meter.CreateObservableUpDownCounter("weir.catalogs.index.bytes", () => directory.All.Sum(state => state.Index?.Bytes ?? 0), "By", "Held by indexes of catalogs in this process, by estimate.");
        _searches = meter.CreateHistogram("weir.catalogs.search.duration", "s", "One search, the embedding of its query included; by mode: hybrid, or words where vectors were away.", advice: Durations);
        _servers = meter.CreateUpDownCounter<long>("weir.catalogs.mcp.servers", "{server}", "MCP servers that this replica holds, by state: connecting, connected, failed.");
        _refreshes = meter.CreateCounter<long>("weir.catalogs.mcp.refreshes", "{reading}", "Attempts to read the list of an MCP server, by outcome: read, failed.");
    }

    public void Searched(TimeSpan took, bool withVectors) => _searches.Record(took.TotalSeconds, new KeyValuePair<string, object?>("mode", withVectors ? "hybrid" : "words"));

    /// <summary>Counts one server in its state until it is disposed of.</summary>
    public FollowedServer Follow() => new(this);

    private static Measurement<long>[] ByScope(CatalogDirectory directory, Func<CatalogEntry, long> count)
    {
        var (everybodys, tenants) = (0L, 0L);
        foreach (var entry in directory.All.Select(state => state.Entry).OfType<CatalogEntry>())
        {
            if (entry.Record.Tenant is null) everybodys += count(entry);
            else tenants += count(entry);
        }

        return [new(everybodys, new KeyValuePair<string, object?>("scope", "global")), new(tenants, new KeyValuePair<string, object?>("scope", "tenant"))];
    }

    /// <summary>A server that is followed, by one caller at a time.</summary>
    public sealed class FollowedServer : IDisposable
    {
        private readonly CatalogMetrics _metrics;
        private McpSourceState _state = McpSourceState.Connecting;

        internal FollowedServer(CatalogMetrics metrics)
        {
            _metrics = metrics;
            Count(1);
        }

        /// <summary>Its list was read, or could not be.</summary>
        public void Reported(McpSourceState state)
        {
            _metrics._refreshes.Add(1, new KeyValuePair<string, object?>("outcome", state == McpSourceState.Connected ? "read" : "failed"));
            if (state == _state)
                return;
            Count(-1);
            _state = state;
            Count(1);
        }

        public void Dispose() => Count(-1);

        private void Count(int by) => _metrics._servers.Add(by, new KeyValuePair<string, object?>("state", _state switch
        {
            McpSourceState.Connecting => "connecting",
            McpSourceState.Connected => "connected",
            _ => "failed",
        }));
    }
}
