using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Serving;
using Weir.Retrieval.Collections.Storage;
using Weir.State;
using Weir.State.Duties;

namespace Weir.Retrieval.Collections.Upkeep;

/// <summary>
/// What collections need beside requests, each piece under a claim: embedding anew after a change of the model, packs that nobody names, deleted
/// collections; and the indexes that may leave this replica's memory.
/// </summary>
internal sealed partial class CollectionUpkeep(
    CollectionDefinitions definitions, CollectionDirectory directory, DocumentEmbedder embedder, IndexShelf shelf, CollectionLimits limits, TimeProvider time, Random random, ILoggerFactory loggers)
    : BackgroundService
{
    private const int AtOnce = 2;
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    private readonly ILogger _logger = loggers.CreateLogger<CollectionUpkeep>();
    private readonly string _holder = $"{Environment.MachineName}-{Guid.NewGuid():N}";
    private readonly Reembedding _reembedding = new(definitions, embedder, limits);
    private readonly PackSweep _sweep = new(definitions, limits);
    private readonly CollectionRemoval _removal = new(definitions, limits);
    private readonly Dictionary<string, Look> _looks = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _turns = new(AtOnce);

    public override void Dispose()
    {
        _turns.Dispose();
        base.Dispose();
    }

    /// <summary>One look at everything, done to its end; for whoever does not want to wait for the next.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        await StartAsync(DueNow(), cancellationToken).ConfigureAwait(false);
        await Task.WhenAll(_looks.Values.Select(look => look.Work)).ConfigureAwait(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                try
                {
                    if (directory.IsKnown)
                        await StartAsync(DueNow(), stoppingToken).ConfigureAwait(false);
                    await shelf.TrimAsync(id => !directory.IsKnown || directory.Collections.Values.Any(stored => stored.Value.Id == id)).ConfigureAwait(false);
                }
                catch (StoreUnavailableException)
                {
                    // Its health is told elsewhere; the next look finds the same to do.
                }
                catch (Exception fault) when (fault is not OperationCanceledException)
                {
                    LogFailed(fault, "collections");
                }

                await Task.Delay(limits.UpkeepEvery, time, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
        finally
        {
            await Task.WhenAll(_looks.Values.Select(look => look.Work)).ConfigureAwait(false);
        }
    }

    // A model is not loaded to ask for its revision: one that changed has been loaded anew, or is when it is next used.
    private List<StoredCollection> DueNow()
    {
        var revisions = embedder.Revisions();
        return [.. directory.Collections.Values.Where(stored => !_looks.TryGetValue(stored.Value.Id, out var look)
            || look.IsDue(stored.Version, revisions.GetValueOrDefault(stored.Value.EmbeddingModel), time, limits.ScanEvery))];
    }

    private async Task StartAsync(List<StoredCollection> due, CancellationToken cancellationToken)
    {
        foreach (var stored in due)
        {
            var look = LookOf(stored.Value.Id);
            look.Begin(time);
            look.Work = RunAsync(look, $"upkeep:{stored.Value.Id}", stored.Value.Name, async ends =>
            {
                var revision = await CareAsync(stored.Value, ends).ConfigureAwait(false);
                look.Seen(stored.Version, revision);
            }, cancellationToken);
        }

        var known = due.Select(stored => stored.Value.Id).Concat(directory.Collections.Values.Select(stored => stored.Value.Id)).ToHashSet(StringComparer.Ordinal);
        await foreach (var (document, removed) in definitions.RemovedAsync(cancellationToken).ConfigureAwait(false))
        {
            known.Add($"removed:{removed.Id}");
            var look = LookOf($"removed:{removed.Id}");
            if (!look.IsDue(document.Version, null, time, limits.ScanEvery))
                continue;
            look.Begin(time);
            look.Work = RunAsync(look, $"remove:{removed.Id}", removed.Id, async ends =>
            {
                var count = await _removal.RunAsync(document, removed, ends).ConfigureAwait(false);
                look.Seen(document.Version, null);
                LogRemoved(removed.Id, count);
            }, cancellationToken);
        }

        foreach (var id in _looks.Where(entry => entry.Value.Work.IsCompleted && !known.Contains(entry.Key)).Select(entry => entry.Key).ToList())
            _looks.Remove(id);
    }

    private async Task<string?> CareAsync(CollectionRecord collection, CancellationToken cancellationToken)
    {
        var (shape, unknown) = await embedder.ShapeAsync(collection, cancellationToken).ConfigureAwait(false);
        if (shape is not null)
        {
            var (embedded, error) = await _reembedding.RunAsync(collection, shape, cancellationToken).ConfigureAwait(false);
            if (embedded > 0)
                LogEmbedded(collection.Name, embedded, shape.Model, shape.Revision);
            unknown = error;
        }

        var (removed, moved) = await _sweep.RunAsync(collection, cancellationToken).ConfigureAwait(false);
        if (removed + moved > 0)
            LogSwept(collection.Name, removed, moved);
        if (unknown is null)
            return shape?.Revision;
        LogWaits(collection.Name, unknown.Message);
        throw new UpkeepWaitsException(unknown.RetryAfter);
    }

    private async Task RunAsync(Look look, string duty, string name, Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        var wait = TimeSpan.FromSeconds(1);
        try
        {
            await _turns.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                var claim = new Duty(definitions.Store, CollectionDefinitions.Partition, duty, _holder, time);
                if (await new DutyRunner(claim, random, loggers.CreateLogger<DutyRunner>()).TryRunAsync((_, ends) => work(ends), cancellationToken).ConfigureAwait(false))
                {
                    look.Failures = 0;
                    return;
                }

                // Another replica does it, or the claim ended.
                wait = TimeSpan.FromSeconds(5 + (5 * random.NextDouble()));
            }
            finally
            {
                _turns.Release();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
        catch (StoreUnavailableException)
        {
            wait = Back(++look.Failures);
        }
        catch (UpkeepWaitsException waits)
        {
            var back = Back(++look.Failures);
            wait = waits.RetryAfter > back && waits.RetryAfter < LongestPause ? waits.RetryAfter.Value : back;
        }
        catch (Exception fault)
        {
            LogFailed(fault, name);
            wait = Back(++look.Failures);
        }

        look.Again(time, wait);
    }

    private static TimeSpan Back(int failures) => TimeSpan.FromSeconds(Math.Min(LongestPause.TotalSeconds, 2 * Math.Pow(2, Math.Min(failures, 10))));

    private Look LookOf(string id)
    {
        if (!_looks.TryGetValue(id, out var look))
            _looks.Add(id, look = new Look());
        return look;
    }

    [LoggerMessage(EventName = "CollectionEmbedded", Level = LogLevel.Information, Message = "{Collection}: {Documents} documents were embedded anew with {Model}, revision {Revision}.")]
    private partial void LogEmbedded(string collection, int documents, string model, string revision);

    [LoggerMessage(EventName = "CollectionSwept", Level = LogLevel.Debug, Message = "{Collection}: {Packs} packs were removed and {Documents} documents written anew.")]
    private partial void LogSwept(string collection, int packs, int documents);

    [LoggerMessage(EventName = "CollectionRemoved", Level = LogLevel.Debug, Message = "The deleted collection {Id}: {Count} documents and packs were removed.")]
    private partial void LogRemoved(string id, int count);

    [LoggerMessage(EventName = "CollectionWaits", Level = LogLevel.Warning, Message = "{Collection} cannot be embedded with its model now and is tried again: {Reason}")]
    private partial void LogWaits(string collection, string reason);

    [LoggerMessage(EventName = "CollectionUpkeepFailed", Level = LogLevel.Error, Message = "The upkeep of {Collection} failed and is tried again.")]
    private partial void LogFailed(Exception exception, string collection);

    /// <summary>When something was looked at, and is to be again.</summary>
    private sealed class Look
    {
        private long _at;
        private long _version;
        private string? _revision;
        private TimeSpan? _again;

        public Task Work { get; set; } = Task.CompletedTask;

        public int Failures { get; set; }

        public bool IsDue(long version, string? revision, TimeProvider time, TimeSpan every) =>
            Work.IsCompleted && (_again is { } wait
                ? time.GetElapsedTime(_at) >= wait
                : _version != version || (revision is not null && _revision != revision) || time.GetElapsedTime(_at) >= every);

        public void Begin(TimeProvider time) => (_at, _again) = (time.GetTimestamp(), null);

        public void Seen(long version, string? revision) => (_version, _revision) = (version, revision);

        public void Again(TimeProvider time, TimeSpan wait) => (_at, _again) = (time.GetTimestamp(), wait);
    }

    private sealed class UpkeepWaitsException(TimeSpan? retryAfter) : Exception
    {
        public TimeSpan? RetryAfter => retryAfter;
    }
}
