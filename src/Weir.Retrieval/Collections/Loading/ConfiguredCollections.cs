using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Serving;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Files;
using Weir.State;
using Weir.State.Duties;

namespace Weir.Retrieval.Collections.Loading;

/// <summary>
/// The collections of the configuration: makes those that are missing, keeps their indexes in memory, and loads their files where this replica holds that duty.
/// Where the store has forgotten one, it begins anew, as at start.
/// </summary>
public sealed partial class ConfiguredCollections : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly CollectionDefinitions _definitions;
    private readonly CollectionDirectory _directory;
    private readonly CollectionIngest _ingest;
    private readonly IndexShelf _shelf;
    private readonly CollectionLimits _limits;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly string _holder = $"{Environment.MachineName}-{Guid.NewGuid():N}";
    private readonly ConcurrentDictionary<string, ConfiguredState> _states = new(StringComparer.Ordinal);
    private volatile IReadOnlyDictionary<string, CollectionOptions> _options = new Dictionary<string, CollectionOptions>();
    private volatile TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal ConfiguredCollections(
        CollectionDefinitions definitions, CollectionDirectory directory, CollectionIngest ingest, IndexShelf shelf, CollectionLimits limits, TimeProvider time, Random random, ILoggerFactory loggers)
    {
        (_definitions, _directory, _ingest, _shelf, _limits, _time, _random, _loggers) = (definitions, directory, ingest, shelf, limits, time, random, loggers);
        _logger = loggers.CreateLogger<ConfiguredCollections>();
    }

    /// <summary>What is wrong with each; by name.</summary>
    public IReadOnlyDictionary<string, ConfiguredState> States => _states;

    /// <summary>Where relative paths of files begin. Default: the working directory.</summary>
    public string Root { get; init; } = Environment.CurrentDirectory;

    internal IReadOnlyDictionary<string, CollectionOptions> Options => _options;

    /// <summary>From now on these.</summary>
    public void Apply(IReadOnlyDictionary<string, CollectionOptions> options)
    {
        // A reload that changes other things leaves what is being loaded alone.
        if (options.Count == _options.Count && options.All(entry => _options.GetValueOrDefault(entry.Key) == entry.Value))
            return;
        _options = options;
        LookAgain();
    }

    /// <summary>Begins anew with each, as at start: one that was deleted and made again is loaded again.</summary>
    internal void LookAgain() => Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _directory.Forgot += Again;
        try
        {
            while (!stoppingToken.IsCancellationRequested)
                await KeepAllAsync(stoppingToken).ConfigureAwait(false);
        }
        finally
        {
            _directory.Forgot -= Again;
        }
    }

    private void Again(IReadOnlyCollection<string> forgotten)
    {
        if (_options.Keys.Any(name => forgotten.Contains(CollectionDefinitions.Key(null, name))))
            LookAgain();
    }

    // Until there is something newer to do.
    private async Task KeepAllAsync(CancellationToken stoppingToken)
    {
        var changed = _changed.Task;
        var options = _options;
        foreach (var name in _states.Keys.Where(name => !options.ContainsKey(name)))
            _states.TryRemove(name, out _);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var kept = options.Select(entry => KeepAsync(entry.Key, entry.Value, ends.Token)).ToList();
        try
        {
            await changed.WaitAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }

        await ends.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(kept).ConfigureAwait(false);
    }

    // Ends only by the token, unless there is nothing more to do.
    private async Task KeepAsync(string name, CollectionOptions options, CancellationToken ends)
    {
        _states[name] = new ConfiguredState { IsLoaded = options.Load is null, HasFiles = options.Load is not null };
        var pause = FirstPause;
        while (!ends.IsCancellationRequested)
        {
            try
            {
                var record = await EnsureAsync(name, options, ends).ConfigureAwait(false);
                // What all share is in memory before it is asked for.
                var (lease, _) = await _shelf.AcquireAsync(record).ConfigureAwait(false);
                lease?.Dispose();
                if (options.Load is null)
                    return;
                var duty = new Duty(_definitions.Store, CollectionDefinitions.Partition, $"load:{record.Id}", _holder, _time);
                await new DutyRunner(duty, _random, _loggers.CreateLogger<DutyRunner>())
                    .RunAsync((_, token) => LoadAsync(record, options.Load, token), ends).ConfigureAwait(false);
                // Whoever deleted it wants it gone: it is made again at the next start, unless somebody makes it before.
                if (!ends.IsCancellationRequested && await _definitions.ReadAsync(null, name, ends).ConfigureAwait(false) is null)
                    return;
            }
            catch (OperationCanceledException) when (ends.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException e)
            {
                LogAway(name, e.Message, pause);
            }
            catch (Exception fault)
            {
                LogFailed(fault, name, pause);
            }

            try
            {
                await Task.Delay(pause, _time, ends).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task<CollectionRecord> EnsureAsync(string name, CollectionOptions options, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await _definitions.ReadAsync(null, name, cancellationToken).ConfigureAwait(false) is { } stored)
            {
                if (CollectionDrift.Between(stored.Value, options) is { Count: > 0 } differences)
                    LogDiffers(name, string.Join("; ", differences));
                return stored.Value;
            }

            var now = _definitions.Store.Clock.Now;
            var record = new CollectionRecord
            {
                Id = Guid.CreateVersion7(now).ToString("N"),
                Name = name,
                EmbeddingModel = options.EmbeddingModel,
                Chunk = options.Chunk,
                Weights = options.Weights,
                Created = now,
            };
            // Lost: another replica was first.
            if (await _definitions.PutAsync(record, 0, cancellationToken).ConfigureAwait(false) is not null)
                return record;
        }
    }

    // Returns when the collection is another one than it was.
    private async Task LoadAsync(CollectionRecord record, string load, CancellationToken ends)
    {
        var loader = new FileLoader(record, new FilePatterns(load.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), Root, FileLoader.Kinds), _definitions.Store, _ingest, new DocumentReaders(_limits), _limits, _logger);
        RetrievalError? told = null;
        _states[record.Name] = _states[record.Name] with { Files = 0 };
        while (true)
        {
            if (!await _definitions.StandsAsync(record, ends).ConfigureAwait(false))
                return;
            var error = await loader.LookAsync(ends).ConfigureAwait(false);
            if (error is not null && error.Code != told?.Code)
                LogWaits(record.Name, error.Message);
            told = error;
            var isFound = loader.Report.IsDone && error is null && await IsFoundAsync(record, loader.Revision, ends).ConfigureAwait(false);
            _states[record.Name] = _states[record.Name] with
            {
                Files = loader.Report.Files,
                IsLoaded = isFound,
                Faults = error is null ? loader.Report.Faults : [error.Message, .. loader.Report.Faults],
            };
            var wait = error?.RetryAfter is { } after && after > _limits.FilesEvery ? after : _limits.FilesEvery;
            await Task.Delay(wait, _time, ends).ConfigureAwait(false);
        }
    }

    // Whether searches here see all that was loaded.
    private async ValueTask<bool> IsFoundAsync(CollectionRecord record, long revision, CancellationToken ends)
    {
        var (lease, _) = await _shelf.AcquireAsync(record).ConfigureAwait(false);
        using (lease)
            return lease is not null && await lease.Index.WhenAsync(revision, _limits.SeenWithin, ends).ConfigureAwait(false) is not null;
    }

    [LoggerMessage(EventName = "CollectionDiffers", Level = LogLevel.Warning, Message = "The collection {Collection} is not as configured, and stays as it is stored until 'weir apply': {Differences}")]
    private partial void LogDiffers(string collection, string differences);

    [LoggerMessage(EventName = "CollectionLoadWaits", Level = LogLevel.Warning, Message = "Files of {Collection} cannot be taken in now and are tried again: {Reason}")]
    private partial void LogWaits(string collection, string reason);

    [LoggerMessage(EventName = "CollectionAway", Level = LogLevel.Warning, Message = "The configured collection {Collection} waits for the store and is looked at again in {Pause}: {Reason}")]
    private partial void LogAway(string collection, string reason, TimeSpan pause);

    [LoggerMessage(EventName = "CollectionFailed", Level = LogLevel.Error, Message = "The configured collection {Collection} failed and is looked at again in {Pause}.")]
    private partial void LogFailed(Exception exception, string collection, TimeSpan pause);
}

/// <summary>How a collection of the configuration is, as this replica knows.</summary>
public sealed record ConfiguredState
{
    /// <summary>All of its files were looked at, and searches of this replica find them; true also where it has none to load. Only the replica that loads them knows.</summary>
    public bool IsLoaded { get; init; }

    /// <summary>It has files to load.</summary>
    public bool HasFiles { get; init; }

    /// <summary>Files that are in; null: another replica loads them, or there are none.</summary>
    public int? Files { get; init; }

    /// <summary>One sentence for each file that is left out, and for whatever holds the loading up.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];
}
