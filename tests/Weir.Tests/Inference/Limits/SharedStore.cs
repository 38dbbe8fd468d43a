using System.Runtime.CompilerServices;
using Weir.State;

namespace Weir.Tests.Inference.Limits;

/// <summary>One replica's way to a store that several use: it can be cut off, left without answers, or robbed of some.</summary>
internal sealed class SharedStore(IStateStore inner, Random? random = null) : IStateStore
{
    private int _commits;

    /// <summary>Nothing reaches the store.</summary>
    public bool IsAway { get; set; }

    /// <summary>The store answers nothing any more, and does not say so.</summary>
    public bool IsSilent { get; set; }

    /// <summary>Its feed stands still; all else reaches the store.</summary>
    public bool IsBehind { get; set; }

    /// <summary>The share of commits that are not answered; half of those have landed.</summary>
    public double Unanswered { get; set; }

    /// <summary>Told of each commit before it reaches the store. Null: nobody.</summary>
    public Action<Commit>? OnCommit { get; set; }

    public bool IsShared => true;

    /// <summary>How many commits were asked for.</summary>
    public int Commits => Volatile.Read(ref _commits);

    public IStoreClock Clock => inner.Clock;

    public IBlobStore Blobs => inner.Blobs;

    public ILogStore Logs => inner.Logs;

    public ICacheStore Cache => inner.Cache;

    public StoreHealth Health => new("memory", !IsAway, []);

    public async ValueTask<CommitOutcome> CommitAsync(Commit commit, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _commits);
        OnCommit?.Invoke(commit);
        await ReachAsync();
        if (random is null || random.NextDouble() >= Unanswered)
            return await inner.CommitAsync(commit, cancellationToken);
        if (random.Next(2) == 0)
            await inner.CommitAsync(commit, cancellationToken);
        return new CommitOutcome.Unknown("not answered");
    }

    public async ValueTask<CommitOutcome> SettleAsync(Commit commit, CancellationToken cancellationToken = default)
    {
        await ReachAsync();
        return await inner.SettleAsync(commit, cancellationToken);
    }

    public async ValueTask<Document?> ReadAsync(string partition, string key, CancellationToken cancellationToken = default)
    {
        await ReachAsync();
        return await inner.ReadAsync(partition, key, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<Document>> ListAsync(
        string partition, string prefix, string? after = null, int limit = 100, CancellationToken cancellationToken = default)
    {
        await ReachAsync();
        return await inner.ListAsync(partition, prefix, after, limit, cancellationToken);
    }

    public async ValueTask<long> RevisionAsync(string partition, CancellationToken cancellationToken = default)
    {
        await ReachAsync();
        return await inner.RevisionAsync(partition, cancellationToken);
    }

    public async IAsyncEnumerable<Feed> WatchAsync(
        string partition, IReadOnlyList<string> prefixes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        // A feed goes on through a store that is away: it is only late.
        await foreach (var step in inner.WatchAsync(partition, prefixes, cancellationToken))
        {
            while (IsAway || IsBehind)
                await Task.Delay(1, cancellationToken);
            yield return step;
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask ReachAsync()
    {
        if (IsSilent)
            await new TaskCompletionSource().Task;
        if (IsAway)
            throw new StoreUnavailableException("away");
    }
}
