using System.Runtime.CompilerServices;
using Weir.State;

namespace Weir.Tests.Server.Keys;

/// <summary>A store whose commits land or not, and answer or not, as drawn.</summary>
internal sealed class UnreliableStore(IStateStore inner, Random random) : IStateStore
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _interrupted = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The share of calls that fail in some way.</summary>
    public double FaultRate { get; set; }

    /// <summary>Whether nothing reaches the store at all.</summary>
    public bool Away { get; set; }

    /// <summary>Runs between the reading of a list and its answer.</summary>
    public Func<Task> Listed { get; set; } = static () => Task.CompletedTask;

    public IStoreClock Clock => inner.Clock;

    public IBlobStore Blobs => inner.Blobs;

    public ILogStore Logs => inner.Logs;

    public ICacheStore Cache => inner.Cache;

    public StoreHealth Health { get; set; } = new("memory", true, []);

    public async ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default)
    {
        switch (Draw())
        {
            case 0: throw new StoreUnavailableException("away");
            case 1: return new CommitOutcome.Unknown("sent, not landed");
            case 2:
                await inner.CommitAsync(commit, cancellationToken);
                return new CommitOutcome.Unknown("landed, not answered");
            default: return await inner.CommitAsync(commit, cancellationToken);
        }
    }

    public ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default) =>
        Draw() >= 0 ? throw new StoreUnavailableException("away while settling") : inner.SettleAsync(commit, cancellationToken);

    public ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default) =>
        Draw() == 0 ? throw new StoreUnavailableException("away") : inner.ReadAsync(partition, key, cancellationToken);

    public async ValueTask<IReadOnlyList<Document>> ListAsync(
        string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default)
    {
        var page = await inner.ListAsync(partition, prefix, after, limit, cancellationToken);
        await Listed();
        return page;
    }

    public ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default) =>
        Draw() == 0 ? throw new StoreUnavailableException("away") : inner.RevisionAsync(partition, cancellationToken);

    /// <summary>Breaks every watch under way.</summary>
    public void Interrupt() =>
        Interlocked.Exchange(ref _interrupted, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
            .SetException(new StoreUnavailableException("the connection was lost"));

    public async IAsyncEnumerable<Feed> WatchAsync(
        string partition, IReadOnlyList<string> prefixes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (Away) throw new StoreUnavailableException("away");
        var interrupted = Volatile.Read(ref _interrupted).Task;
        await using var steps = inner.WatchAsync(partition, prefixes, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            var next = steps.MoveNextAsync().AsTask();
            await await Task.WhenAny(next, interrupted);
            if (!await next) yield break;
            yield return steps.Current;
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private int Draw()
    {
        if (Away) return 0;
        lock (_gate) return random.NextDouble() < FaultRate ? random.Next(3) : -1;
    }
}
