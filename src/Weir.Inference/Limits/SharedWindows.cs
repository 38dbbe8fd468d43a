using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Flow.Limits;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Inference.Limits;

/// <summary>
/// Gets blocks for the windows that replicas share: one loop, which merges what many windows want into few commits. No request
/// waits for it; a window that has nothing left behaves as a full one until its block is there.
/// </summary>
public sealed partial class SharedWindows : BackgroundService, IPrepaidWindows, IPrepaidSource
{
    // A store that takes longer counts as away.
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(1);

    // What comes together is asked for together.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);
    // At least one tick lies in it.
    private static readonly TimeSpan Ahead = Tick * 1.5;
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(2);
    private const int MostTries = 10;

    private readonly IStateStore _store;
    private readonly ReplicaView _replicas;
    private readonly LimitMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Channel<PrepaidWindow> _asking = Channel.CreateUnbounded<PrepaidWindow>(new UnboundedChannelOptions { SingleReader = true });
    private readonly HashSet<PrepaidWindow> _active = [];
    private readonly Lock _changing = new();
    private PrepaidTerms _terms;
    private int _count;
    private int _activeCount;
    private long? _failingSince;

    public SharedWindows(IStateStore store, ReplicaView replicas, LimitMetrics metrics, TimeProvider time, ILogger<SharedWindows> logger)
    {
        (_store, _replicas, _metrics, _time, _logger) = (store, replicas, metrics, time, logger);
        _terms = TermsOf(isAway: false);
        _count = _terms.Replicas;
        replicas.Changed += OnReplicas;
        metrics.Watch(this);
    }

    public event Action? ReplicasChanged;

    /// <inheritdoc/>
    public int Replicas => Terms.Replicas;

    /// <summary>The store does not answer: each replica keeps to its part of each limit.</summary>
    public bool IsAway => Terms.IsAway;

    /// <summary>Windows in use.</summary>
    public int Active => Volatile.Read(ref _activeCount);

    /// <inheritdoc/>
    public long Now => _store.Clock.Now.UtcTicks;

    /// <inheritdoc/>
    public PrepaidTerms Terms => Volatile.Read(ref _terms);

    /// <inheritdoc/>
    public PrepaidWindow Open(string name, long limit, Action? replenished = null) => new(name, limit, this, replenished);

    /// <inheritdoc/>
    public void Ask(PrepaidWindow window) => _asking.Writer.TryWrite(window);

    public override void Dispose()
    {
        _replicas.Changed -= OnReplicas;
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Task<bool>? asked = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                asked ??= _asking.Reader.WaitToReadAsync(stoppingToken).AsTask();
                if (_active.Count == 0 && _failingSince is null)
                    await asked.ConfigureAwait(false);
                else
                    await Task.WhenAny(asked, Task.Delay(Tick, _time, stoppingToken)).ConfigureAwait(false);
                if (asked.IsCompleted)
                    asked = null;
                await RefillAsync(stoppingToken).ConfigureAwait(false);
                await Task.Delay(Pause, _time, stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The windows go on with what they have; the next round tries again.
                LogFailed(e);
                _metrics.Failed();
                await PauseAsync(stoppingToken).ConfigureAwait(false);
            }
        }
    }

    private async Task PauseAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.Delay(Tick, _time, stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The loop ends by itself.
        }
    }

    /// <summary>One round. Only the loop calls it, and tests that are the loop themselves.</summary>
    internal async Task RefillAsync(CancellationToken stoppingToken)
    {
        var began = _time.GetTimestamp();
        while (_asking.Reader.TryRead(out var window))
            _active.Add(window);
        var wishes = new List<PrepaidWish>(_active.Count);
        foreach (var window in _active)
        {
            if (window.Plan(Ahead.Ticks) is { } wish)
                wishes.Add(wish);
            else if (!window.IsActive)
                _active.Remove(window);
        }

        Volatile.Write(ref _activeCount, _active.Count);
        if (wishes.Count > 0)
        {
            var answered = await Task.WhenAll(wishes.GroupBy(wish => WindowDocument.KeyOf(wish.Window.Name), StringComparer.Ordinal)
                .Select(group => WriteAsync(group.Key, [.. group], stoppingToken))).ConfigureAwait(false);
            Judge(began, isAnswered: Array.TrueForAll(answered, told => told));
        }
        else if (_failingSince is not null)
        {
            Judge(began, await AnswersAsync(stoppingToken).ConfigureAwait(false));
        }
    }

    // One answer that is lost is no outage.
    private void Judge(long began, bool isAnswered)
    {
        _failingSince = isAnswered ? null : _failingSince ?? began;
        Be(away: _failingSince is { } since && _time.GetElapsedTime(since) >= Within);
    }

    /// <returns>Whether the store answered.</returns>
    private async Task<bool> WriteAsync(string key, List<PrepaidWish> wishes, CancellationToken stoppingToken)
    {
        using var limit = new CancellationTokenSource(Within, _time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stoppingToken);
        try
        {
            // What is not answered in time is not looked at when it comes: by then the windows have been told that nobody knows.
            var (outcome, grants) = await CommitAsync(key, wishes, ends.Token).WaitAsync(Within, _time, stoppingToken).ConfigureAwait(false);
            switch (outcome)
            {
                case CommitOutcome.Committed:
                    foreach (var grant in grants)
                        Granted(grant);
                    return true;
                case CommitOutcome.Lost:
                    _metrics.Failed();
                    wishes.ForEach(wish => wish.Window.Refused());
                    return true;
            }
        }
        catch (StoreUnavailableException)
        {
            _metrics.Failed();
            wishes.ForEach(wish => wish.Window.Refused());
            return false;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException && !stoppingToken.IsCancellationRequested)
        {
            // As if it were unknown.
        }

        _metrics.Failed();
        wishes.ForEach(wish => wish.Window.Unsure(wish));
        return false;
    }

    private async Task<(CommitOutcome Outcome, PrepaidGrant[] Grants)> CommitAsync(string key, List<PrepaidWish> wishes, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            var stored = await _store.ReadAsync(WindowDocument.Partition, key, cancellationToken).ConfigureAwait(false);
            var document = WindowDocument.Read(stored is null ? default : stored.Body.Span);
            PrepaidGrant[] grants = [.. wishes.Select(wish => wish.Apply(document.Of(wish.Window.Name)))];
            var now = _store.Clock.Now;
            var commit = new Commit(WindowDocument.Partition)
            {
                Writes = [new Write(key, stored?.Version ?? 0, document.Write(WindowSlots.SlotOf(now.UtcTicks)), now + Kept)],
                NotAfter = now + Within,
                Deadline = Within,
            };
            var outcome = await _store.CommitAsync(commit, cancellationToken).ConfigureAwait(false);
            if (outcome is not CommitOutcome.Lost { Keys.Count: > 0 } || tries == MostTries)
                return (outcome, grants);
        }
    }

    private async Task<bool> AnswersAsync(CancellationToken stoppingToken)
    {
        try
        {
            await _store.Clock.ReadAsync(stoppingToken).AsTask().WaitAsync(Within, _time, stoppingToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is StoreUnavailableException or TimeoutException)
        {
            return false;
        }
    }

    private void Granted(in PrepaidGrant grant)
    {
        if (grant.Wish.Wish > 0)
            _metrics.Wished(grant.Granted > 0);
        grant.Wish.Window.Granted(grant);
    }

    private void Be(bool away)
    {
        if (away == IsAway)
            return;
        lock (_changing)
            Volatile.Write(ref _terms, TermsOf(away));
        if (away)
            LogAway(Replicas);
        else
            LogAgain();
        foreach (var window in _active)
            window.LookAgain();
    }

    private void OnReplicas()
    {
        bool counts;
        lock (_changing)
        {
            Volatile.Write(ref _terms, TermsOf(_terms.IsAway));
            counts = _count != _terms.Replicas;
            _count = _terms.Replicas;
        }

        if (counts)
            ReplicasChanged?.Invoke();
    }

    private PrepaidTerms TermsOf(bool isAway)
    {
        var live = _replicas.Current;
        return new PrepaidTerms(live.Count, live.Recent, live.IsSettled, isAway);
    }

    [LoggerMessage(EventId = 231, EventName = "LimitsLocal", Level = LogLevel.Warning, Message = "The store does not answer: until it does, each of {Replicas} replicas keeps to its part of each limit.")]
    private partial void LogAway(int replicas);

    [LoggerMessage(EventId = 232, EventName = "LimitsShared", Level = LogLevel.Information, Message = "Limits are shared among the replicas again.")]
    private partial void LogAgain();

    [LoggerMessage(EventId = 233, EventName = "LimitsFailed", Level = LogLevel.Error, Message = "Shared limits could not be refilled and are tried again.")]
    private partial void LogFailed(Exception exception);
}
