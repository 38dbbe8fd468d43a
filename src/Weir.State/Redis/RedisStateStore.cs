using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using Weir.State.Documents;
using Weir.State.Expiry;

namespace Weir.State.Redis;

/// <summary>The shared store of several replicas.</summary>
internal sealed class RedisStateStore : IStateStore, IExpiryIndex
{
    private readonly RedisConnection _connection;
    private readonly RedisProbe _probe;
    private readonly RedisCommits _commits;
    private readonly RedisFeed _feed;
    private readonly RedisExpiry _expiry;
    private readonly CancellationTokenSource _closed = new();
    private int _disposed;

    private RedisStateStore(RedisConnection connection, RedisClock clock, RedisProbe probe, StateOptions options, TimeProvider time)
    {
        var partitions = new RedisPartitions();
        (_connection, _probe, Clock) = (connection, probe, clock);
        _commits = new RedisCommits(connection, clock, partitions, time);
        _feed = new RedisFeed(connection, partitions, time);
        _expiry = new RedisExpiry(connection, clock);
        Blobs = new RedisBlobStore(connection);
        Logs = new RedisLogStore(connection);
        Cache = new RedisCacheStore(connection, clock, options.CacheBytes);
    }

    public IStoreClock Clock { get; }

    public IBlobStore Blobs { get; }

    public ILogStore Logs { get; }

    public ICacheStore Cache { get; }

    public StoreHealth Health => new("redis", _disposed == 0 && _connection.Available, _probe.Warnings);

    public bool IsShared => true;

    public static async ValueTask<IStateStore> OpenAsync(
        RedisAddress address, StateOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var logger = loggers.CreateLogger<RedisStateStore>();
        var connection = await RedisConnection.ConnectAsync(address, options, time, logger, cancellationToken);
        try
        {
            var clock = new RedisClock(connection, time);
            var probe = new RedisProbe(address, connection, clock, time, logger);
            await probe.StartAsync(cancellationToken);
            return new RedisStateStore(connection, clock, probe, options, time);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public async ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default)
    {
        CommitLimits.Validate(commit);
        _expiry.Hint(commit);
        var outcome = await _commits.CommitAsync(commit, cancellationToken);
        if (outcome is not CommitOutcome.Lost)
            _expiry.Hint(commit);
        return outcome;
    }

    public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default) => _commits.SettleAsync(commit, cancellationToken);

    public async ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default)
    {
        var value = (byte[]?)await _connection.RepeatAsync(database => database.HashGetAsync(RedisKeys.Bodies(partition), key), cancellationToken);
        return value is null ? null : RedisDocument.Parse(key, value);
    }

    public async ValueTask<IReadOnlyList<Document>> ListAsync(
        string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default)
    {
        CommitLimits.ValidateList(limit);
        RedisValue from = after is not null && KeyOrder.Instance.Compare(after, prefix) >= 0 ? "(" + after : "[" + prefix;
        RedisValue to = (byte[])["["u8[0], .. System.Text.Encoding.UTF8.GetBytes(prefix), 0xFF];
        var found = (RedisResult[])(await _connection.RepeatAsync(
            RedisScripts.List, [RedisKeys.Index(partition), RedisKeys.Bodies(partition)], [from, to, limit], cancellationToken))!;
        var documents = new Document[found.Length / 2];
        for (var i = 0; i < documents.Length; i++)
            documents[i] = RedisDocument.Parse((string)found[i * 2]!, (byte[])found[(i * 2) + 1]!);
        return documents;
    }

    public async ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default)
    {
        var value = await _connection.RepeatAsync(database => database.HashGetAsync(RedisKeys.Meta(partition), "rev"), cancellationToken);
        return value.IsNull ? 0 : (long)value;
    }

    public async IAsyncEnumerable<Feed> WatchAsync(
        string partition, IReadOnlyList<string> prefixes, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closed.Token);
        await using var feed = _feed.FollowAsync(partition, prefixes, ends.Token).GetAsyncEnumerator(ends.Token);
        while (true)
        {
            try
            {
                if (!await feed.MoveNextAsync())
                    yield break;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new StoreUnavailableException("The store was closed.");
            }

            yield return feed.Current;
        }
    }

    public ValueTask<IReadOnlyList<Expired>> DueAsync(int limit, CancellationToken cancellationToken) => _expiry.DueAsync(limit, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _closed.CancelAsync();
        await _probe.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
