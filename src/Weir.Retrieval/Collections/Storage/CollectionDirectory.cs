using System.Collections.Frozen;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>Which collections there are, as this replica knows: searches ask it, and go on through a store that is away.</summary>
internal sealed partial class CollectionDirectory(IStateStore store, TimeProvider time, ILogger<CollectionDirectory> logger) : BackgroundService
{
    private volatile FrozenDictionary<string, StoredCollection>? _collections;
    private volatile TaskCompletionSource _changed = Signal();
    private long _read;

    /// <summary>By key; empty until the store has answered once.</summary>
    public FrozenDictionary<string, StoredCollection> Collections => _collections ?? FrozenDictionary<string, StoredCollection>.Empty;

    public bool IsKnown => _collections is not null;

    /// <summary>The store has come back without collections that were there, given by key; nobody has deleted them. Called on the thread that reads the feed.</summary>
    public event Action<IReadOnlyCollection<string>>? Forgot;

    /// <summary>Completes at the next change.</summary>
    public Task Changed => _changed.Task;

    public CollectionRecord? Find(string? tenant, string name) => Collections.GetValueOrDefault(CollectionDefinitions.Key(tenant, name))?.Value;

    /// <summary>Waits until a change that was just made is known here; after the time it goes on without.</summary>
    public async ValueTask SeenAsync(Func<FrozenDictionary<string, StoredCollection>, bool> seen, TimeSpan within, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(within, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        while (true)
        {
            var changed = _changed.Task;
            if (IsKnown && seen(Collections))
                return;
            try
            {
                await changed.WaitAsync(ends.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        store.FollowAsync(CollectionDefinitions.Partition, CollectionDefinitions.Prefix, Apply, LogInterrupted, time, stoppingToken);

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Apply(Feed step)
    {
        var next = step is Feed.Snapshot ? [] : new Dictionary<string, StoredCollection>(Collections, StringComparer.Ordinal);
        var items = step switch
        {
            Feed.Snapshot snapshot => snapshot.Documents.Select(document => new Change(document.Key, document)),
            Feed.Changes changes => changes.Items,
            _ => [],
        };
        foreach (var (key, document) in items)
        {
            if (document is not null && CollectionDefinitions.Parse(document) is { } record)
                next[key] = new StoredCollection(document.Version, record);
            else
                next.Remove(key);
        }

        IReadOnlyCollection<string> forgotten = step is Feed.Snapshot now && now.HasForgotten(_read) ? [.. Collections.Keys.Where(key => !next.ContainsKey(key))] : [];
        _read = step.Revision;
        _collections = next.ToFrozenDictionary(StringComparer.Ordinal);
        if (forgotten.Count > 0)
        {
            LogForgot(forgotten.Count);
            Forgot?.Invoke(forgotten);
        }

        var changed = _changed;
        _changed = Signal();
        changed.TrySetResult();
    }

    [LoggerMessage(EventName = "CollectionsForgotten", Level = LogLevel.Error, Message = "The state store has come back without {Count} collections that it held. Those of the configuration are made and loaded again.")]
    private partial void LogForgot(int count);

    [LoggerMessage(EventName = "CollectionsInterrupted", Level = LogLevel.Warning, Message = "The feed of collections broke off and is followed again in {Pause}.")]
    private partial void LogInterrupted(Exception exception, TimeSpan pause);
}
