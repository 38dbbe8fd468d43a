using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Leases.Fleet;

/// <summary>Follows the feed of the fleet's partition into its tables. The feed alone writes what is stored; the broker marks its own picks beside it, under the same lock.</summary>
internal sealed partial class FleetView(LeaseFleet fleet, IStateStore store, KindSorts sorts, TimeProvider time, ILogger<FleetView> logger) : BackgroundService, IFleetView
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    private readonly FleetSignals _signals = new();
    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _revision;
    private volatile bool _follows;
    private (FleetLoss Loss, long At)? _forgotten;

    public event Action? Changed;

    /// <summary>The store has come back without these kinds, which nobody has ended. Called as <see cref="Changed"/> is, and before anybody is told of the snapshot.</summary>
    public event Action<IReadOnlyList<string>>? Forgot;

    /// <summary>Guards <see cref="Tables"/>; nothing is awaited and nobody else's code is called under it.</summary>
    public Lock Sync { get; } = new();

    public FleetTables Tables { get; } = new();

    public bool IsKnown => _known.Task.IsCompleted;

    /// <summary>Ends with the first snapshot.</summary>
    public Task Known => _known.Task;

    /// <summary>The feed is being followed and the store answers: what is seen is not old.</summary>
    public bool IsCurrent => _follows && store.Health.Available;

    public long Revision => Interlocked.Read(ref _revision);

    public IReadOnlyList<Stored<KindRecord>> Kinds
    {
        get
        {
            lock (Sync)
                return [.. Tables.Kinds.Values.Select(kind => kind.Stored).OrderBy(kind => kind.Value.Name, StringComparer.Ordinal)];
        }
    }

    public IReadOnlyList<Stored<LeaseRecord>> Leases
    {
        get
        {
            Stored<LeaseRecord>[] all;
            lock (Sync)
                all = [.. Tables.Leases.Values];
            Array.Sort(all, static (x, y) => string.CompareOrdinal(x.Value.Id, y.Value.Id));
            return all;
        }
    }

    public Stored<KindRecord>? Kind(string nameOrAlias)
    {
        lock (Sync)
            return Tables.Kind(nameOrAlias)?.Stored;
    }

    public Stored<ResourceRecord>? Resource(string id)
    {
        lock (Sync)
            return Tables.Resources.GetValueOrDefault(id)?.Stored;
    }

    public Stored<LeaseRecord>? Lease(string id)
    {
        lock (Sync)
            return Tables.Leases.GetValueOrDefault(id);
    }

    public IReadOnlyList<Stored<ResourceRecord>> Resources(string? kind = null)
    {
        Stored<ResourceRecord>[] found;
        lock (Sync)
            found = [.. Tables.ResourcesOf(kind).Select(resource => resource.Stored)];
        Array.Sort(found, static (x, y) => string.CompareOrdinal(x.Value.Id, y.Value.Id));
        return found;
    }

    /// <summary>The store has just forgotten a kind of that name or alias: it may be about to be made again, or have been by now.</summary>
    public bool HasJustForgotten(string nameOrAlias)
    {
        lock (Sync)
            return _forgotten is { } forgotten && forgotten.Loss.Has(nameOrAlias) && time.GetElapsedTime(forgotten.At) < FleetLoss.MadeAgainWithin;
    }

    public IReadOnlyList<Stored<LeaseRecord>> LeasesOf(string tenant, string workerId)
    {
        lock (Sync)
            return [.. Tables.LeasesOf(tenant, workerId).Select(id => Tables.Leases[id]).OrderBy(lease => lease.Value.Id, StringComparer.Ordinal)];
    }

    public ValueTask<bool> WhenAsync(long revision, TimeSpan within, CancellationToken cancellationToken)
    {
        Task reached;
        lock (Sync)
        {
            if (IsKnown && _revision >= revision)
                return new ValueTask<bool>(true);
            reached = _signals.At(revision);
        }

        return WaitAsync(reached, within, cancellationToken);
    }

    /// <summary>
    /// Waits until the view shows something newer than what was looked at, or for a moment. For whoever lost to a change that the view did not show yet: it tries again on what is new, and never
    /// round and round on the same.
    /// </summary>
    public async ValueTask MovedAsync(long since, CancellationToken cancellationToken) => await WhenAsync(since + 1, Moment, cancellationToken);

    /// <summary>Waits until a lease is as wanted.</summary>
    /// <param name="id">The lease.</param>
    /// <param name="from">Only what has been read at this revision or later counts.</param>
    /// <param name="wanted">Given the lease as it is; null: there is none.</param>
    /// <param name="within">How long.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>False: the time was up before.</returns>
    public async Task<(bool Came, Stored<LeaseRecord>? Lease)> WhenLeaseAsync(string id, long from, Func<Stored<LeaseRecord>?, bool> wanted, TimeSpan within, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        if (!await WhenAsync(from, within, cancellationToken))
            return (false, null);
        while (true)
        {
            var lease = Lease(id);
            if (wanted(lease))
                return (true, lease);
            Task changed;
            lock (Sync)
            {
                if (Tables.Leases.GetValueOrDefault(id) != lease)
                    continue;
                changed = _signals.ChangeOf(id);
            }

            var left = within - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || !await WaitAsync(changed, left, cancellationToken))
                return (false, null);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => store.FollowAsync(fleet.Partition, "", Apply, Interrupted, time, stoppingToken);

    private async ValueTask<bool> WaitAsync(Task signal, TimeSpan within, CancellationToken cancellationToken)
    {
        try
        {
            await signal.WaitAsync(within, time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void Interrupted(Exception fault, TimeSpan pause)
    {
        _follows = false;
        LogInterrupted(fault, pause.TotalSeconds);
    }

    private void Apply(Feed step)
    {
        // Kinds are asked about their definitions here, outside the lock.
        var isSnapshot = step is Feed.Snapshot;
        FleetLoss? loss = null;
        var changes = step switch
        {
            Feed.Snapshot all => all.Documents.Select(document => Read(document.Key, document)).ToList(),
            Feed.Changes some => [.. some.Items.Select(change => Read(change.Key, change.Document))],
            _ => [],
        };
        var due = new List<TaskCompletionSource>();
        lock (Sync)
        {
            var held = step is Feed.Snapshot snapshot && snapshot.HasForgotten(_revision) ? FleetLoss.Held(Tables) : default;
            if (isSnapshot)
            {
                Tables.Clear();
                _signals.AllChanged(due);
            }

            foreach (var (key, value) in changes)
                Put(key, value, due);
            if (held.Kinds is not null)
                loss = FleetLoss.Of(held, Tables);
            if (loss is { Kinds.Count: > 0 })
                _forgotten = (loss, time.GetTimestamp());
            Interlocked.Exchange(ref _revision, step.Revision);
            _signals.Reached(step.Revision, due);
            if (isSnapshot)
                _known.TrySetResult();
        }

        _follows = true;
        if (loss is not null)
        {
            LogForgot(loss.Kinds.Count, loss.Resources, loss.Leases);
            Forgot?.Invoke([.. loss.Kinds.Select(kind => kind.Name)]);
        }

        foreach (var signal in due)
            signal.TrySetResult();
        Changed?.Invoke();
    }

    private void Put(string key, object? value, List<TaskCompletionSource> due)
    {
        switch (value)
        {
            case Stored<LeaseRecord> lease:
                Tables.Put(lease);
                _signals.Changed(lease.Value.Id, due);
                break;
            case Stored<ResourceRecord> resource:
                Tables.Put(resource);
                break;
            case FleetKind kind:
                Tables.Put(kind);
                break;
            case null when key.StartsWith(LeaseDocuments.Leases, StringComparison.Ordinal):
                Tables.RemoveLease(key[LeaseDocuments.Leases.Length..]);
                _signals.Changed(key[LeaseDocuments.Leases.Length..], due);
                break;
            case null when key.StartsWith(LeaseDocuments.Resources, StringComparison.Ordinal):
                Tables.RemoveResource(key[LeaseDocuments.Resources.Length..]);
                break;
            case null when key.StartsWith(LeaseDocuments.Kinds, StringComparison.Ordinal):
                Tables.RemoveKind(key[LeaseDocuments.Kinds.Length..]);
                break;
        }
    }

    /// <returns>The record; null for one that is gone, cannot be read, or is none of ours.</returns>
    private (string Key, object? Value) Read(string key, Document? document)
    {
        if (document is null)
            return (key, null);
        var body = document.Body.Span;
        object? value = null;
        var isOurs = true;
        if (key.StartsWith(LeaseDocuments.Leases, StringComparison.Ordinal))
            value = LeaseDocuments.ReadLease(body) is { } lease ? new Stored<LeaseRecord>(lease, document.Version) : null;
        else if (key.StartsWith(LeaseDocuments.Resources, StringComparison.Ordinal))
            value = LeaseDocuments.ReadResource(body) is { } resource ? new Stored<ResourceRecord>(resource, document.Version) : null;
        else if (key.StartsWith(LeaseDocuments.Kinds, StringComparison.Ordinal))
            value = LeaseDocuments.ReadKind(body) is { } kind ? KindOf(new Stored<KindRecord>(kind, document.Version)) : null;
        else
            isOurs = false;
        if (isOurs && value is null)
            LogUnreadable(key);
        return (key, value);
    }

    private FleetKind KindOf(Stored<KindRecord> kind)
    {
        try
        {
            return new FleetKind(kind, sorts.Of(kind.Value.Name));
        }
        catch (Exception fault)
        {
            LogKindFailed(fault, kind.Value.Name);
            return new FleetKind(kind, sort: null);
        }
    }

    [LoggerMessage(EventName = "FleetFeedLost", Level = LogLevel.Warning, Message = "The feed of leases was interrupted and is followed again in {Seconds} s; nothing is granted on what is not known.")]
    private partial void LogInterrupted(Exception fault, double seconds);

    [LoggerMessage(EventName = "FleetForgotten", Level = LogLevel.Error, Message = "The state store has come back without what it held: {Kinds} kinds, {Resources} resources and {Leases} leases that had not ended are gone. Kinds of the configuration are made again.")]
    private partial void LogForgot(int kinds, int resources, int leases);

    [LoggerMessage(EventName = "FleetRecordUnreadable", Level = LogLevel.Error, Message = "The document {Key} cannot be read, written by another version or by hand: it is taken as not there.")]
    private partial void LogUnreadable(string key);

    [LoggerMessage(EventName = "FleetKindFailed", Level = LogLevel.Error, Message = "Kind '{Kind}' cannot be served: its sort failed over its definition.")]
    private partial void LogKindFailed(Exception fault, string kind);
}
