using System.Runtime.CompilerServices;
using Weir.Leases.Documents;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Upkeep;

/// <summary>A store that comes back empty when it is told to, as a Redis does that keeps nothing on disk.</summary>
internal sealed class ForgetfulStore(ManualTimeProvider time) : IStateStore
{
    private readonly string _partition = LeaseDocuments.PartitionOf(UpkeepFleet.Name);
    private volatile Life _life = new(new MemoryStateStore(new StateOptions(), time), 0);

    public IStoreClock Clock => _life.Store.Clock;

    public IBlobStore Blobs => _life.Store.Blobs;

    public ILogStore Logs => _life.Store.Logs;

    public ICacheStore Cache => _life.Store.Cache;

    public StoreHealth Health => _life.Store.Health;

    /// <summary>Everything is gone; what was committed before is never seen again, and revisions go on above it.</summary>
    public async Task ForgetAsync()
    {
        time.Advance(TimeSpan.FromSeconds(1));
        var store = new MemoryStateStore(new StateOptions(), time);
        var since = (await store.CommitAsync(new Commit(_partition) { Writes = [new Write("mark", 0, "{}"u8.ToArray())] })).ShouldBeOfType<CommitOutcome.Committed>().Revision;
        var before = Interlocked.Exchange(ref _life, new Life(store, since));
        await before.Ends.CancelAsync();
    }

    public ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default) => _life.Store.CommitAsync(commit, cancellationToken);

    public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default) => _life.Store.SettleAsync(commit, cancellationToken);

    public ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default) => _life.Store.ReadAsync(partition, key, cancellationToken);

    public ValueTask<IReadOnlyList<Document>> ListAsync(string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default) =>
        _life.Store.ListAsync(partition, prefix, after, limit, cancellationToken);

    public ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default) => _life.Store.RevisionAsync(partition, cancellationToken);

    public async IAsyncEnumerable<Feed> WatchAsync(string partition, IReadOnlyList<string> prefixes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var life = _life;
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(life.Ends.Token, cancellationToken);
            await using var feed = life.Store.WatchAsync(partition, prefixes, ends.Token).GetAsyncEnumerator(ends.Token);
            while (await NextAsync(feed, cancellationToken))
                yield return feed.Current is Feed.Snapshot snapshot ? snapshot with { Since = life.Since } : feed.Current;
        }
    }

    public ValueTask DisposeAsync() => _life.Store.DisposeAsync();

    private static async ValueTask<bool> NextAsync(IAsyncEnumerator<Feed> feed, CancellationToken cancellationToken)
    {
        try
        {
            return await feed.MoveNextAsync();
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private sealed record Life(MemoryStateStore Store, long Since)
    {
        public CancellationTokenSource Ends { get; } = new();
    }
}
