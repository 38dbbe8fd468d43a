using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Mcp;
using Weir.State;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>
/// Writes what the MCP servers of one catalog report: a new version where their tools have changed, and how each server is. A server that is away keeps the
/// tools that are stored of it.
/// </summary>
internal sealed partial class SourcePublisher(
    CatalogEntry entry, CatalogDirectory directory, CatalogDocuments documents, ToolBlobs blobs, CatalogLimits limits, TimeProvider time, ILogger<SourcePublisher> logger)
{
    private const int MostTries = 20;
    private static readonly TimeSpan Stale = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Channel<bool> _reports = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly McpListing?[] _listings = new McpListing?[entry.Record.Sources.Count];
    private readonly McpSourceStatus[] _statuses =
        [.. entry.Record.Sources.Select(source => new McpSourceStatus { Name = source.Name, State = McpSourceState.Connecting })];

    /// <summary>What makes two sets of sources the same.</summary>
    public static string Identity(CatalogRecord record) => JsonSerializer.Serialize(new CatalogRecord { Id = record.Id, Name = record.Name, Sources = record.Sources }, CatalogJson.Default.CatalogRecord);

    public void Report(int source, McpReport report)
    {
        lock (_gate)
        {
            _listings[source] = report.Listing ?? _listings[source];
            _statuses[source] = _statuses[source] with { State = report.State, Error = report.Error };
            if (report.Listing is { } listing)
                _statuses[source] = _statuses[source] with { Tools = listing.Tools.Count, Notes = listing.Notes, RefreshedAt = time.GetUtcNow() };
        }

        _reports.Writer.TryWrite(true);
    }

    /// <summary>Returns when the catalog is no longer the one whose sources these are; else goes on until cancelled.</summary>
    public async Task PublishAsync(CancellationToken cancellationToken)
    {
        _reports.Writer.TryWrite(true);
        while (await _reports.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            _reports.Reader.TryRead(out _);
            try
            {
                if (!await WriteAsync(cancellationToken).ConfigureAwait(false))
                    return;
            }
            catch (StoreUnavailableException fault)
            {
                LogDelayed(entry.Record.Name, fault.Message);
                await Task.Delay(Again, time, cancellationToken).ConfigureAwait(false);
                _reports.Writer.TryWrite(true);
            }
        }
    }

    private async Task<bool> WriteAsync(CancellationToken cancellationToken)
    {
        McpListing?[] listings;
        McpSourceStatus[] statuses;
        lock (_gate)
            (listings, statuses) = ([.. _listings], [.. _statuses]);
        for (var tries = 0; tries < MostTries; tries++)
        {
            if (await documents.ReadAsync(entry.Key, cancellationToken).ConfigureAwait(false) is not { } now || Identity(now.Record) != Identity(entry.Record))
                return false;
            if (await TryWriteAsync(now, listings, statuses, cancellationToken).ConfigureAwait(false))
                return true;
        }

        throw new StoreUnavailableException("Others changed the catalog all the time.");
    }

    private async Task<bool> TryWriteAsync(CatalogEntry now, McpListing?[] listings, McpSourceStatus[] statuses, CancellationToken cancellationToken)
    {
        if (await blobs.ReadAsync(now.Record.Blob, cancellationToken).ConfigureAwait(false) is not { } stored)
            return false;
        // What a source has not reported yet stands as it was stored; its names lose their prefixes first, and get them again where they need them.
        var lists = now.Record.Sources.Select((source, index) => listings[index]?.Tools
            ?? [.. stored.Where(tool => tool.Origin?.Server == source.Name).Select(tool => tool with { Name = tool.Origin!.Name })]).ToList();
        var merged = McpMerge.Merge(lists, limits.Tools);
        var (body, digest) = ToolBlobs.Encode(merged);
        var writes = new List<Write>();
        var next = now.Record;
        var isNew = digest != now.Record.Digest && (merged.Count > 0 || now.Record.Blob is not null || listings.Any(listing => listing is not null));
        if (isNew)
        {
            var (blob, draft) = await blobs.WriteAsync(body, cancellationToken).ConfigureAwait(false);
            next = next with { Blob = blob, Digest = digest, Count = merged.Count, UpdatedAt = time.GetUtcNow() };
            writes.AddRange([CatalogDocuments.Put(next, now.Version), ToolBlobs.Keep(blob, draft)]);
            if (now.Record.Blob is { } old)
                writes.Add(blobs.Drop(old));
        }

        if (await StatusAsync(now, statuses, cancellationToken).ConfigureAwait(false) is { } status)
            writes.Add(status);
        if (writes.Count == 0)
            return true;
        var checks = isNew ? Array.Empty<Check>() : [new Check(now.Key, now.Version)];
        if (await documents.CommitAsync(writes, cancellationToken, checks).ConfigureAwait(false) is not { } revision)
            return false;
        if (isNew)
        {
            LogChanged(now.Record.Name, merged.Count, revision);
            directory.Put(new CatalogEntry(now.Key, revision, next));
        }

        return true;
    }

    /// <summary>Null where the stored one says the same, and not too long ago.</summary>
    private async Task<Write?> StatusAsync(CatalogEntry now, McpSourceStatus[] statuses, CancellationToken cancellationToken)
    {
        var key = CatalogDocuments.StatusKey(now.Key);
        var document = await documents.Store.ReadAsync(CatalogDocuments.Partition, key, cancellationToken).ConfigureAwait(false);
        var before = document is null ? null : CatalogJson.Read(document.Body, CatalogJson.Default.CatalogStatusRecord);
        if (before?.Id != now.Record.Id)
            before = null;
        var next = statuses.Select(status => Kept(status, before?.Sources.FirstOrDefault(known => known.Name == status.Name))).ToList();
        if (before is not null && before.Sources.Count == next.Count && next.Zip(before.Sources).All(pair => IsSame(pair.First, pair.Second)))
            return null;
        return new Write(key, document?.Version ?? 0, JsonSerializer.SerializeToUtf8Bytes(new CatalogStatusRecord(now.Record.Id, next), CatalogJson.Default.CatalogStatusRecord));
    }

    // A server that this replica has not reached yet has the tools that another one read.
    private static McpSourceStatus Kept(McpSourceStatus status, McpSourceStatus? before) => status.RefreshedAt is null && before is not null
        ? status with { Tools = before.Tools, RefreshedAt = before.RefreshedAt, Notes = before.Notes }
        : status;

    private static bool IsSame(McpSourceStatus now, McpSourceStatus before) =>
        now.Name == before.Name && now.State == before.State && now.Error == before.Error && now.Tools == before.Tools && now.Notes.SequenceEqual(before.Notes)
        && (now.RefreshedAt is null || now.RefreshedAt - before.RefreshedAt < Stale);

    [LoggerMessage(EventId = 428, EventName = "CatalogRefreshed", Level = LogLevel.Information, Message = "Catalog {Catalog} has {Tools} tools of its MCP servers, as version {Version}")]
    private partial void LogChanged(string catalog, int tools, long version);

    [LoggerMessage(EventId = 429, EventName = "CatalogRefreshDelayed", Level = LogLevel.Warning, Message = "What the MCP servers of catalog {Catalog} say is written when the state store is back: {Reason}")]
    private partial void LogDelayed(string catalog, string reason);
}
