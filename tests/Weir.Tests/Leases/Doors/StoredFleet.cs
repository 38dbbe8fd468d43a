using System.Collections.Concurrent;
using System.Text.Json;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Tests.Leases.Doors;

/// <summary>A fleet whose documents the test writes, and its view over the store's feed, which can be held back.</summary>
internal sealed class StoredFleet : IFleetView, IAsyncDisposable
{
    public const string Partition = "leases:default";

    private readonly IStateStore _store;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _ends = new();
    private readonly ConcurrentDictionary<string, Document> _documents = new(StringComparer.Ordinal);
    private readonly Task _following;
    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _sync = new();
    private TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _step = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _revision;

    public StoredFleet(IStateStore store, TimeProvider time, bool isHeld = false)
    {
        (_store, _time) = (store, time);
        if (!isHeld)
            Go();
        _following = Task.Run(FollowAsync);
    }

    public event Action? Changed;

    public bool IsKnown => _known.Task.IsCompleted;

    public long Revision => Interlocked.Read(ref _revision);

    public IReadOnlyList<Stored<KindRecord>> Kinds => [];

    public IReadOnlyList<Stored<LeaseRecord>> Leases => [];

    /// <summary>Nothing more is read from the store until <see cref="Go"/>.</summary>
    public void Hold() => _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Go() => _gate.TrySetResult();

    public Stored<KindRecord>? Kind(string nameOrAlias) => Of("kind/" + nameOrAlias) is { } d ? new(LeaseDocuments.ReadKind(d.Body.Span)!, d.Version) : null;

    public Stored<ResourceRecord>? Resource(string id) => Of("resource/" + id) is { } d ? new(LeaseDocuments.ReadResource(d.Body.Span)!, d.Version) : null;

    public Stored<LeaseRecord>? Lease(string id) => Of("lease/" + id) is { } d ? new(LeaseDocuments.ReadLease(d.Body.Span)!, d.Version) : null;

    public IReadOnlyList<Stored<ResourceRecord>> Resources(string? kind = null) => [];

    public IReadOnlyList<Stored<LeaseRecord>> LeasesOf(string tenant, string workerId) => [];

    public async ValueTask<bool> WhenAsync(long revision, TimeSpan within, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        while (true)
        {
            Task step;
            lock (_sync)
            {
                if (IsKnown && _revision >= revision)
                    return true;
                step = _step.Task;
            }

            var left = within - _time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
                return false;
            try
            {
                await step.WaitAsync(left, _time, cancellationToken);
            }
            catch (TimeoutException)
            {
                return false;
            }
        }
    }

    public Task DefineAsync(string kind, KindOptions options) => CommitAsync(new Write("kind/" + kind, 0, LeaseDocuments.Write(new KindRecord(kind, options))));

    /// <summary>Gives a resource to a lease, as one commit.</summary>
    /// <returns>The fence.</returns>
    public async Task<long> GrantAsync(string resource, string lease, TimeSpan? ttl = null, string? home = null, JsonElement? config = null, LeaseState state = LeaseState.Ready, string key = "loopback")
    {
        await _known.Task;
        var now = _store.Clock.Now;
        var (kind, slot) = (resource[..resource.IndexOf('.')], resource[(resource.IndexOf('.') + 1)..]);
        var record = new LeaseRecord
        {
            Id = lease, Tenant = "t1", KeyId = key, WorkerId = "w1", State = state, Priority = 5, Ttl = ttl ?? TimeSpan.FromMinutes(15),
            Demands = [new LeaseDemand(kind, 1, config)], Holdings = [new LeaseHolding(resource, kind, kind, config)],
            AskedAt = now, GrantedAt = now, EndsAt = now + (ttl ?? TimeSpan.FromMinutes(15)),
        };
        return await CommitAsync(
            new Write("lease/" + lease, await VersionAsync("lease/" + lease), LeaseDocuments.Write(record)),
            new Write("resource/" + resource, await VersionAsync("resource/" + resource), LeaseDocuments.Write(new ResourceRecord
            {
                Id = resource, Kind = kind, Slot = slot, Home = home, State = ResourceState.Leased, Lease = lease,
            })));
    }

    public async Task<long> RenewAsync(string lease, DateTimeOffset end)
    {
        var document = (await _store.ReadAsync(Partition, "lease/" + lease))!;
        var record = LeaseDocuments.ReadLease(document.Body.Span)!;
        return await CommitAsync(new Write(document.Key, document.Version, LeaseDocuments.Write(record with { Fence = record.FenceOf(document.Version), EndsAt = end })));
    }

    /// <summary>Ends a lease, and leaves its resource in the given state.</summary>
    /// <param name="resource">The resource.</param>
    /// <param name="lease">Its lease.</param>
    /// <param name="state">What becomes of the resource.</param>
    /// <param name="said">What the resource's own document says of it, which is for operators. Null: nothing.</param>
    public Task<long> EndAsync(string resource, string lease, ResourceState state = ResourceState.Free, string? said = null) =>
        ChangeAsync(resource, lease, record => record with { State = LeaseState.Released, Reason = "It was released." }, record => record with { State = state, Lease = null, Reason = said });

    /// <summary>Takes a resource from a lease as an operator does, which ends the lease where it is its last.</summary>
    public Task<long> TakeAsync(string resource, string lease, bool isLast, string told, string said) =>
        ChangeAsync(
            resource,
            lease,
            record => isLast
                ? record with { State = LeaseState.Failed, FailureCode = "resource_quarantined", Reason = told }
                : record.Losing(new TakenResource(resource, "resource_quarantined", told)),
            record => record with { State = ResourceState.Quarantined, Held = true, Lease = null, Reason = said });

    public async Task ReadAllAsync() => (await WhenAsync(await _store.RevisionAsync(Partition), TimeSpan.FromDays(1), CancellationToken.None)).ShouldBeTrue();

    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        Go();
        await _following;
        _ends.Dispose();
    }

    private async Task<long> ChangeAsync(string resource, string lease, Func<LeaseRecord, LeaseRecord> left, Func<ResourceRecord, ResourceRecord> becomes)
    {
        var (leased, held) = ((await _store.ReadAsync(Partition, "lease/" + lease))!, (await _store.ReadAsync(Partition, "resource/" + resource))!);
        var record = LeaseDocuments.ReadLease(leased.Body.Span)!;
        return await CommitAsync(
            new Write(leased.Key, leased.Version, LeaseDocuments.Write(left(record with { Fence = record.FenceOf(leased.Version) }))),
            new Write(held.Key, held.Version, LeaseDocuments.Write(becomes(LeaseDocuments.ReadResource(held.Body.Span)!))));
    }

    private async Task FollowAsync()
    {
        try
        {
            await foreach (var step in _store.WatchAsync(Partition, [""], _ends.Token))
            {
                await _gate.Task;
                Apply(step);
                Changed?.Invoke();
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private void Apply(Feed step)
    {
        switch (step)
        {
            case Feed.Snapshot snapshot:
                foreach (var document in snapshot.Documents)
                    _documents[document.Key] = document;
                break;
            case Feed.Changes changes:
                foreach (var (key, document) in changes.Items)
                {
                    if (document is null)
                        _documents.TryRemove(key, out _);
                    else
                        _documents[key] = document;
                }

                break;
        }

        lock (_sync)
        {
            _revision = step.Revision;
            _known.TrySetResult();
            _step.TrySetResult();
            _step = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private Document? Of(string key) => _documents.GetValueOrDefault(key);

    private async Task<long> VersionAsync(string key) => (await _store.ReadAsync(Partition, key))?.Version ?? 0;

    private async Task<long> CommitAsync(params Write[] writes) =>
        (await _store.CommitAsync(new Commit(Partition) { Writes = writes })).ShouldBeOfType<CommitOutcome.Committed>().Revision;
}
