using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Weir.State.Replicas;

/// <summary>
/// Tells the others that this replica is there, and learns of them. Does nothing where the store is this process's own.
/// </summary>
internal sealed partial class ReplicaAnnouncer(
    IStateStore store, ReplicaView view, TimeProvider time, ILogger<ReplicaAnnouncer> logger, IReplicaPlace? place = null) : BackgroundService
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _key = ReplicaView.KeyPrefix + view.Id;
    private long _version;
    private bool _mustRead;
    private bool _away;

    /// <summary>Whoever serves before it knows the others takes their part of every limit; a store that is away must not keep it from serving.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken);
        try
        {
            await _known.Task.WaitAsync(FirstWait, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            LogUnknown();
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!store.IsShared)
        {
            _known.TrySetResult();
            return Task.CompletedTask;
        }

        view.Join();
        return Task.WhenAll(AnnounceAsync(stoppingToken), FollowAsync(stoppingToken));
    }

    /// <summary>Takes the announcement back, so that nothing waits for a replica that has left. It still counts until its time is up.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_version == 0)
            return;
        try
        {
            await store.CommitAsync(new Commit(ReplicaView.Partition) { Writes = [new Write(_key, _version, null)], Deadline = RetryPause }, cancellationToken);
        }
        catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
        {
            // It ends by itself.
        }
    }

    private async Task AnnounceAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = RetryPause;
            try
            {
                if (!view.HasRead(_version))
                    view.Interrupted();
                using var limit = new CancellationTokenSource(Within, time);
                using var ends = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stoppingToken);
                pause = await AnnounceOnceAsync(ends.Token) ? ReplicaView.Period : RetryPause;
            }
            catch (Exception e)
            {
                if (stoppingToken.IsCancellationRequested)
                    return;
                Interrupted(e.Message);
            }

            view.Judge(store.Clock.Now);
            try
            {
                await Task.Delay(pause, time, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<bool> AnnounceOnceAsync(CancellationToken cancellationToken)
    {
        var now = await store.Clock.ReadAsync(cancellationToken);
        if (_mustRead)
        {
            // After an outage the announcement may have expired, or a commit that was not answered may have landed.
            _version = (await store.ReadAsync(ReplicaView.Partition, _key, cancellationToken))?.Version ?? 0;
            _mustRead = false;
        }

        var outcome = await store.CommitAsync(
            new Commit(ReplicaView.Partition)
            {
                Writes = [new Write(_key, _version, new ReplicaAnnouncement(view.Id, place?.Home, place?.Url?.AbsoluteUri).Write(), now + ReplicaView.TimeToLive)],
                NotAfter = now + ReplicaView.Period,
                Deadline = Within,
            },
            cancellationToken);
        if (outcome is CommitOutcome.Committed(var version))
        {
            _version = version;
            view.Announced(version, now);
            if (_away)
                LogAgain();
            _away = false;
            return true;
        }

        _mustRead = true;
        if (outcome is CommitOutcome.Unknown(var reason))
            Interrupted(reason);
        return false;
    }

    private void Interrupted(string reason)
    {
        _mustRead = true;
        view.Interrupted();
        if (!_away)
            LogAway(reason);
        _away = true;
    }

    private Task FollowAsync(CancellationToken stoppingToken) => store.FollowAsync(
        ReplicaView.Partition,
        ReplicaView.KeyPrefix,
        step =>
        {
            view.Read(step, store.Clock.Now);
            _known.TrySetResult();
        },
        (fault, _) =>
        {
            view.Interrupted();
            LogFeedLost(fault.Message);
        },
        time,
        stoppingToken);

    [LoggerMessage(EventName = "ReplicaAway", Level = LogLevel.Warning, Message = "This replica cannot announce itself; it takes the others to be as last seen: {Reason}")]
    private partial void LogAway(string reason);

    [LoggerMessage(EventName = "ReplicasUnknown", Level = LogLevel.Warning, Message = "The other replicas could not be read in time: until they are, this one takes itself to be alone.")]
    private partial void LogUnknown();

    [LoggerMessage(EventName = "ReplicaAgain", Level = LogLevel.Information, Message = "This replica is announced again.")]
    private partial void LogAgain();

    [LoggerMessage(EventName = "ReplicaFeedLost", Level = LogLevel.Warning, Message = "The feed of replicas was interrupted and is followed again: {Reason}")]
    private partial void LogFeedLost(string reason);
}
