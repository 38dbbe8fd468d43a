using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Searching;
using Weir.State;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>
/// The catalogs of all tenants as this replica knows them: follows the store, keeps indexes up to date in the background, and puts away those that nobody uses.
/// </summary>
internal sealed partial class CatalogDirectory(
    CatalogDocuments documents, ToolBlobs blobs, CatalogIndexer indexer, CatalogLimits limits, TimeProvider time, ILogger<CatalogDirectory> logger) : BackgroundService
{
    private static readonly TimeSpan TendEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestVectorPause = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, CatalogState> _states = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _read;

    /// <summary>Completed once the store has told what there is.</summary>
    public Task Known => _known.Task;

    public IEnumerable<CatalogState> All => _states.Values;

    /// <summary>Called after catalogs have changed, on the feed's thread: it may only take note.</summary>
    public event Action? Changed;

    /// <summary>The store has come back without catalogs that were there, given by key; nobody has deleted them. Called as <see cref="Changed"/> is.</summary>
    public event Action<IReadOnlyCollection<string>>? Forgot;

    public CatalogState? Find(string key) => _states.GetValueOrDefault(key) is { Entry: not null } state ? state : null;

    /// <summary>What was committed here is known here at once.</summary>
    public CatalogState Put(CatalogEntry entry)
    {
        var state = Apply(entry, isSnapshot: false);
        Changed?.Invoke();
        return state;
    }

    /// <summary>The same for what was deleted here; a feed that is late may tell of it once more, and then of its end.</summary>
    public void Removed(string key)
    {
        Remove(key);
        Changed?.Invoke();
    }

    /// <summary>Returns when the index is of the newest version, or cannot be built now.</summary>
    public Task IndexAsync(CatalogState state, bool again = false) => state.BuildAsync(indexer.BuildAsync, again);

    /// <summary>A search found that the embedding model has changed since this index was built.</summary>
    public void Outdated(ToolIndex index)
    {
        if (Find(index.Entry.Key) is { } state && ReferenceEquals(state.Index, index))
            _ = IndexAsync(state, again: true);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        documents.Store.FollowAsync(CatalogDocuments.Partition, CatalogDocuments.Followed, Apply, (fault, _) => LogInterrupted(fault.Message), time, stoppingToken),
        EveryAsync(TendEvery, _ => TendAsync(), stoppingToken),
        EveryAsync(SweepEvery, blobs.SweepAsync, stoppingToken));

    /// <summary>One look at what is to be tried again, and what nobody uses.</summary>
    internal Task TendAsync()
    {
        var kept = 0L;
        foreach (var state in _states.Values.Where(state => state.Index is not null).OrderBy(state => state.Idle))
        {
            if (state.Entry is not { } entry || state.Index is not { } index)
                continue;
            kept += index.Bytes;
            if (kept > limits.IndexBytes || (entry.Record.Tenant is not null && state.Idle > limits.IndexIdle))
            {
                state.Unload();
                LogUnloaded(entry.Record.Name, index.Bytes);
            }
            else if (index.Entry.Version != entry.Version)
            {
                _ = IndexAsync(state);
            }
            else if (indexer.IsOutdated(index))
            {
                _ = IndexAsync(state, again: true);
            }
            else if (index.Vectors is null && time.GetElapsedTime(state.BuiltAt) >= VectorPause(state.VectorFailures))
            {
                _ = IndexAsync(state, again: true);
            }
        }

        foreach (var state in _states.Values.Where(state => state is { Index: null, Entry.Record.Tenant: null }))
        {
            if (kept <= limits.IndexBytes)
                _ = IndexAsync(state);
        }

        return Task.CompletedTask;
    }

    private TimeSpan VectorPause(int failures)
    {
        var pause = limits.VectorsAgain * Math.Pow(2, Math.Clamp(failures - 1, 0, 16));
        return pause < LongestVectorPause ? pause : LongestVectorPause;
    }

    private void Apply(Feed step)
    {
        switch (step)
        {
            case Feed.Snapshot snapshot:
                var there = snapshot.Documents.Where(document => CatalogDocuments.IsRecord(document.Key)).Select(document => document.Key).ToHashSet(StringComparer.Ordinal);
                List<string> gone = [.. _states.Keys.Where(key => !there.Contains(key))];
                foreach (var key in gone)
                    Remove(key);
                if (snapshot.HasForgotten(_read) && gone.Count > 0)
                {
                    LogForgot(gone.Count);
                    Forgot?.Invoke(gone);
                }

                // Records stand after their states in the order of keys, but a state needs its record.
                foreach (var document in snapshot.Documents.OrderBy(document => CatalogDocuments.IsStatus(document.Key)))
                    Apply(document, isSnapshot: true);
                _known.TrySetResult();
                break;

            case Feed.Changes changes:
                foreach (var change in changes.Items.OrderBy(change => CatalogDocuments.IsStatus(change.Key)))
                {
                    if (change.Document is { } document)
                        Apply(document, isSnapshot: false);
                    else if (CatalogDocuments.IsRecord(change.Key))
                        Remove(change.Key);
                    else if (CatalogDocuments.IsStatus(change.Key) && _states.GetValueOrDefault(CatalogDocuments.RecordKey(change.Key)) is { } state)
                        state.Status = null;
                }

                break;
        }

        _read = step.Revision;
        Changed?.Invoke();
    }

    private void Apply(Document document, bool isSnapshot)
    {
        if (CatalogDocuments.IsRecord(document.Key) && CatalogJson.Read(document.Body, CatalogJson.Default.CatalogRecord) is { } record)
            Apply(new CatalogEntry(document.Key, document.Version, record), isSnapshot);
        else if (CatalogDocuments.IsStatus(document.Key) && _states.GetValueOrDefault(CatalogDocuments.RecordKey(document.Key)) is { } state)
            state.Status = CatalogJson.Read(document.Body, CatalogJson.Default.CatalogStatusRecord);
    }

    private CatalogState Apply(CatalogEntry entry, bool isSnapshot)
    {
        var state = _states.GetOrAdd(entry.Key, static (_, with) => new CatalogState(with.entry, with.time), (entry, time));
        state.Put(entry, isSnapshot);
        // Everybody's are always ready; a tenant's are kept up to date while they are in use.
        if (entry.Record.Tenant is null || state.Index is not null)
            _ = IndexAsync(state);
        return state;
    }

    private void Remove(string key)
    {
        if (_states.TryRemove(key, out var state))
            state.Remove();
    }

    private async Task EveryAsync(TimeSpan period, Func<CancellationToken, Task> work, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(period, time, stoppingToken).ConfigureAwait(false);
                await work(stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                LogNotTended(fault.Message);
            }
        }
    }

    [LoggerMessage(EventId = 434, EventName = "CatalogsForgotten", Level = LogLevel.Error, Message = "The state store has come back without {Count} catalogs that it held; those of the configuration are made again")]
    private partial void LogForgot(int count);

    [LoggerMessage(EventId = 424, EventName = "CatalogFeedInterrupted", Level = LogLevel.Warning, Message = "The feed of catalogs was interrupted and is taken up again: {Reason}")]
    private partial void LogInterrupted(string reason);

    [LoggerMessage(EventId = 425, EventName = "CatalogUnloaded", Level = LogLevel.Debug, Message = "The index of catalog {Catalog} was put away ({Bytes} bytes); the next search builds it again")]
    private partial void LogUnloaded(string catalog, long bytes);

    [LoggerMessage(EventId = 426, EventName = "CatalogsNotTended", Level = LogLevel.Warning, Message = "Catalogs could not be tended and are looked at again: {Reason}")]
    private partial void LogNotTended(string reason);
}
