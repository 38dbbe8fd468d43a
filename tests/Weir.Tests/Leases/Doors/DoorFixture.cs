using Microsoft.Extensions.Logging.Abstractions;
using System.Collections.Concurrent;
using Weir.Leases;
using Weir.Leases.Doors;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.State.Replicas;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Doors;

/// <summary>Doors over a store in memory whose way can be cut, with time that moves by hand.</summary>
internal sealed class DoorFixture : IAsyncDisposable
{
    public DoorFixture()
    {
        Inner = new MemoryStateStore(new StateOptions(), Time);
        Store = new WatchedStore(Inner);
        Fleet = new StoredFleet(Inner, Time);
        Signer.Use(new byte[DoorSigner.SecretLength]);
        Freshness = new FeedFreshness(Store, StoredFleet.Partition, Fleet, Time, NullLogger<FeedFreshness>.Instance);
        Doors = new ResourceDoors(Fleet, Store, Signer, Freshness, new Place("home", new Uri("http://weir.example:7800/base/")));
        Traffic = new DoorTraffic(Fleet, Doors, Keys, Freshness, Store, Time, NullLogger<DoorTraffic>.Instance);
    }

    public ManualTimeProvider Time { get; } = new();

    public MemoryStateStore Inner { get; }

    public WatchedStore Store { get; }

    public StoredFleet Fleet { get; }

    public DoorSigner Signer { get; } = new();

    public FakeKeys Keys { get; } = new();

    public FeedFreshness Freshness { get; }

    public ResourceDoors Doors { get; }

    public DoorTraffic Traffic { get; }

    public Task<DoorEntry> EnterAsync(string resource, string token) => Doors.EnterAsync(resource, token, CancellationToken.None).AsTask();

    /// <summary>Grants, reads it, and lets one request in.</summary>
    public async Task<DoorPassage> PassAsync(string resource, string lease, TimeSpan ttl, string key = "k1")
    {
        var fence = await Fleet.GrantAsync(resource, lease, ttl, key: key);
        var entry = await EnterAsync(resource, Doors.TokenOf(resource, lease, fence));
        entry.Error.ShouldBeNull();
        return Traffic.Pass(entry.Resource!, DoorPurpose.Use).ShouldNotBeNull();
    }

    public async ValueTask DisposeAsync()
    {
        Traffic.Dispose();
        await Fleet.DisposeAsync();
        await Inner.DisposeAsync();
    }
}

/// <summary>Keys that a test revokes, with or without saying so.</summary>
internal sealed class FakeKeys : ISessionRights
{
    private readonly ConcurrentDictionary<string, bool> _gone = new();

    public event Action? Changed;

    public LeaseError? Refusal(LeaseSession session) => _gone.ContainsKey(session.KeyId) ? new LeaseError(403, "key_revoked", "gone") : null;

    /// <summary>Keys that are there, whatever <see cref="EndOf"/> says: made elsewhere, and not known here yet.</summary>
    public ConcurrentDictionary<string, bool> Stored { get; } = new();

    public LeaseError? EndOf(string key) => _gone.ContainsKey(key) ? new LeaseError(403, "key_revoked", "gone") : null;

    public Task<bool> IsGoneAsync(string key, CancellationToken cancellationToken) => Task.FromResult(_gone.ContainsKey(key) && !Stored.ContainsKey(key));

    public void Revoke(string key)
    {
        Expire(key);
        Changed?.Invoke();
    }

    /// <summary>It is refused from now on, and nothing tells of it: time has passed.</summary>
    public void Expire(string key) => _gone[key] = true;
}

internal sealed record Place(string Home, Uri? Url) : IReplicaPlace;

/// <summary>A store that counts how often its revision is asked for, and may be away, or silent.</summary>
internal sealed class WatchedStore(IStateStore inner) : IStateStore
{
    private int _asked;

    public bool IsAway { get; set; }

    public bool IsSilent { get; set; }

    public int Asked => Volatile.Read(ref _asked);

    public bool IsShared { get; init; }

    public IStoreClock Clock => inner.Clock;

    public IBlobStore Blobs => inner.Blobs;

    public ILogStore Logs => inner.Logs;

    public ICacheStore Cache => inner.Cache;

    public StoreHealth Health => inner.Health;

    public ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default) => inner.CommitAsync(commit, cancellationToken);

    public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default) => inner.SettleAsync(commit, cancellationToken);

    public ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default) => inner.ReadAsync(partition, key, cancellationToken);

    public ValueTask<IReadOnlyList<Document>> ListAsync(string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default) =>
        inner.ListAsync(partition, prefix, after, limit, cancellationToken);

    public async ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _asked);
        if (IsSilent)
            await new TaskCompletionSource().Task;
        if (IsAway)
            throw new StoreUnavailableException("away");
        return await inner.RevisionAsync(partition, cancellationToken);
    }

    public IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, CancellationToken cancellationToken = default) =>
        inner.WatchAsync(partition, prefixes, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
