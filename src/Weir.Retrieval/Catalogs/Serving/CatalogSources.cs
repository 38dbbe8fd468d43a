using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Mcp;
using Weir.State.Duties;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>
/// Holds the MCP servers of catalogs. Each catalog's are a duty that one replica claims; when that one dies, another connects. Programs end when this service does.
/// </summary>
internal sealed partial class CatalogSources(
    CatalogDirectory directory, CatalogDocuments documents, ToolBlobs blobs, IMcpTransports transports,
    CatalogLimits limits, McpLimits mcp, CatalogMetrics metrics, TimeProvider time, Random random, ILoggerFactory loggers, ILogger<CatalogSources> logger) : BackgroundService
{
    private static readonly TimeSpan Term = TimeSpan.FromSeconds(15);

    private readonly string _holder = $"{Environment.MachineName}-{Guid.NewGuid():N}";
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Dictionary<string, Held> _held = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        directory.Changed += Note;
        Note();
        try
        {
            while (await _changes.Reader.WaitToReadAsync(stoppingToken).ConfigureAwait(false))
            {
                _changes.Reader.TryRead(out _);
                await ReconcileAsync(stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopping.
        }
        finally
        {
            directory.Changed -= Note;
            await Task.WhenAll(_held.Values.Select(held => held.EndAsync())).ConfigureAwait(false);
        }
    }

    private void Note() => _changes.Writer.TryWrite(true);

    private async Task ReconcileAsync(CancellationToken stoppingToken)
    {
        var wanted = directory.All.Select(state => state.Entry).OfType<CatalogEntry>().Where(entry => entry.Record.Sources.Count > 0)
            .ToDictionary(entry => entry.Key, StringComparer.Ordinal);
        var ended = _held.Where(held => !wanted.TryGetValue(held.Key, out var entry) || !held.Value.IsFor(entry.Record)).ToList();
        foreach (var (key, _) in ended)
            _held.Remove(key);
        // The old program is gone before the new one begins: it may hold what that one needs.
        await Task.WhenAll(ended.Select(held => held.Value.EndAsync())).ConfigureAwait(false);
        foreach (var (key, entry) in wanted)
        {
            if (!_held.ContainsKey(key))
                _held.Add(key, Start(entry, stoppingToken));
        }
    }

    private Held Start(CatalogEntry entry, CancellationToken stoppingToken)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var duty = new Duty(documents.Store, CatalogDocuments.Partition, "mcp/" + entry.Record.Id, _holder, time) { Term = Term };
        var publisher = new SourcePublisher(entry, directory, documents, blobs, limits, time, loggers.CreateLogger<SourcePublisher>());
        var running = new DutyRunner(duty, random, loggers.CreateLogger<DutyRunner>()).RunAsync((_, ends) => HoldAsync(publisher, entry.Record, ends), stop.Token);
        LogHeld(entry.Record.Name, entry.Record.Sources.Count);
        return new Held(entry.Record, stop, running);
    }

    private async Task HoldAsync(SourcePublisher publisher, CatalogRecord record, CancellationToken ends)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ends);
        var following = record.Sources.Select((source, index) =>
            new McpFollower(transports, source, limits, mcp, metrics, time, random, loggers.CreateLogger<McpFollower>()).FollowAsync(report => publisher.Report(index, report), stop.Token)).ToArray();
        try
        {
            await publisher.PublishAsync(stop.Token).ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(following).ConfigureAwait(false);
        }

        ends.ThrowIfCancellationRequested();
    }

    /// <summary>The sources of one catalog, as they were when this began.</summary>
    private sealed class Held(CatalogRecord record, CancellationTokenSource stop, Task running)
    {
        private readonly string _sources = SourcePublisher.Identity(record);

        public bool IsFor(CatalogRecord other) => other.Id == record.Id && SourcePublisher.Identity(other) == _sources;

        public async Task EndAsync()
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await running.ConfigureAwait(false);
            stop.Dispose();
        }
    }

    [LoggerMessage(EventId = 427, EventName = "CatalogSourcesFollowed", Level = LogLevel.Debug, Message = "Catalog {Catalog} has {Count} MCP servers, held by whichever replica claims them")]
    private partial void LogHeld(string catalog, int count);
}
