using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Inference.Batches.Documents;
using Weir.State;
using Weir.State.Duties;

namespace Weir.Inference.Batches.Execution;

/// <summary>
/// Follows which batches have not ended and runs as many of them as this replica may, each under a claim, so that one replica holds it
/// and another takes over where that one dies. Tenants take turns. Validation and the end of a batch that was cancelled or whose time is
/// over need no turn: a look does them, beside the runs.
/// </summary>
internal sealed partial class BatchScheduler(
    BatchDocuments documents, BatchRunner runner, Discards discards, BatchLimits limits, TimeProvider time, Random random, ILoggerFactory loggers, ILogger<BatchScheduler> logger)
    : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan Term = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(1);

    private readonly string _holder = $"{Environment.MachineName}-{Guid.NewGuid():N}";
    private readonly Channel<Event> _events = Channel.CreateUnbounded<Event>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _cut = new(Timeout.InfiniteTimeSpan, time);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The drain begins: lines under way may end, new ones are not begun.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken) => _stopping.CancelAsync();

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _cut.CancelAfter(limits.StopGrace);
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
    }

    public override void Dispose()
    {
        _stopping.Dispose();
        _cut.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(ScheduleAsync(), FollowAsync(stoppingToken), SweepAsync(stoppingToken));

    private async Task ScheduleAsync()
    {
        while (true)
        {
            while (_events.Reader.TryRead(out var happened))
            {
                Apply(happened);
            }

            // Looked at once a turn: a stop in between wakes the wait below, and the next turn sees it.
            var isStopping = _stopping.IsCancellationRequested;
            if (isStopping)
            {
                if (_entries.Values.All(entry => entry.Signals is null))
                {
                    return;
                }
            }
            else
            {
                StartDue();
            }

            await WaitAsync(isStopping).ConfigureAwait(false);
        }
    }

    private void Apply(Event happened)
    {
        switch (happened)
        {
            case Event.Followed(Feed.Snapshot snapshot):
                var there = snapshot.Documents.Select(document => document.Key).ToHashSet(StringComparer.Ordinal);
                foreach (var key in _entries.Keys.Where(key => !there.Contains(key)).ToList())
                {
                    Remove(key);
                }

                foreach (var document in snapshot.Documents)
                {
                    Put(document);
                }

                break;

            case Event.Followed(Feed.Changes changes):
                foreach (var change in changes.Items)
                {
                    if (change.Document is { } document)
                    {
                        Put(document);
                    }
                    else
                    {
                        Remove(change.Key);
                    }
                }

                break;

            case Event.Ended ended:
                var entry = _entries[ended.Key];
                entry.Signals!.Dispose();
                entry.Signals = null;
                entry.Failures = ended.IsFailed ? entry.Failures + 1 : 0;
                entry.IsLooked |= !ended.IsFailed;
                if (entry.IsGone)
                {
                    _entries.Remove(ended.Key);
                }
                else
                {
                    // What was only looked at may be run at once.
                    entry.NotBefore = ended.IsDone && entry.IsLook && !WantsLook(entry) ? time.GetTimestamp() : After(Pause(entry.Failures));
                }

                break;
        }
    }

    private void Put(Document document)
    {
        if (JsonSerializer.Deserialize(document.Body.Span, BatchJson.Default.PendingRecord) is not { } pending)
        {
            return;
        }

        if (!_entries.TryGetValue(document.Key, out var entry))
        {
            _entries[document.Key] = entry = new Entry(pending) { NotBefore = time.GetTimestamp() };
        }

        entry.Pending = pending;
        entry.IsGone = false;
        if (pending.Cancel)
        {
            entry.Signals?.Cancel();
        }
    }

    private void Remove(string key)
    {
        if (_entries.TryGetValue(key, out var entry))
        {
            entry.IsGone = true;
            if (entry.Signals is null)
            {
                _entries.Remove(key);
            }
        }
    }

    private void StartDue()
    {
        while (true)
        {
            var now = time.GetTimestamp();
            var load = LoadNow();
            var running = load.Tenants;
            // A batch's id begins with the time at which it was made.
            var next = _entries.Where(pair => pair.Value is { Signals: null, IsGone: false } && pair.Value.NotBefore <= now && TurnOf(pair.Value, load) != Turn.None)
                .OrderBy(pair => TurnOf(pair.Value, load)).ThenBy(pair => running.GetValueOrDefault(pair.Value.Pending.Tenant)).ThenBy(pair => pair.Value.Pending.Id, StringComparer.Ordinal)
                .FirstOrDefault();
            if (next.Value is null)
            {
                return;
            }

            next.Value.IsLook = TurnOf(next.Value, load) == Turn.Look;
            next.Value.Signals = new BatchSignals(_stopping.Token, _cut.Token);
            if (next.Value.Pending.Cancel)
            {
                next.Value.Signals.Cancel();
            }

            _ = RunAsync(next.Key, next.Value.Pending, next.Value.IsLook, next.Value.Signals);
        }
    }

    private BatchLoad LoadNow() =>
        new(_entries.Values.Where(entry => entry.Signals is not null).Select(entry => (entry.Pending, entry.IsLook)));

    private Turn TurnOf(Entry entry, BatchLoad load)
    {
        var tenant = entry.Pending.Tenant;
        // One that was made before and is being looked at goes first.
        var isNext = !load.Looked.TryGetValue(tenant, out var looked) || string.CompareOrdinal(entry.Pending.Id, looked) < 0;
        return isNext && load.Runs < limits.BatchesAtOnce && load.Running.GetValueOrDefault(tenant) < limits.TenantBatchesAtOnce ? Turn.Run
            : WantsLook(entry) && load.Looks < limits.LooksAtOnce ? Turn.Look
            : Turn.None;
    }

    private bool WantsLook(Entry entry) => !entry.IsLooked || entry.Pending.Cancel || entry.Pending.ExpiresAt <= documents.Store.Clock.Now;

    private async Task RunAsync(string key, PendingRecord pending, bool isLook, BatchSignals signals)
    {
        var isFailed = false;
        var isDone = false;
        try
        {
            var duty = new Duty(documents.Store, BatchDocuments.Partition, "batch/" + pending.Id, _holder, time) { Term = Term };
            isDone = await new DutyRunner(duty, random, loggers.CreateLogger<DutyRunner>())
                .TryRunAsync((claim, ends) => runner.RunAsync(pending, isLook, claim.Fence, signals, ends), _cut.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_cut.IsCancellationRequested)
        {
            // Stopping: the next process goes on.
        }
        catch (StaleFenceException fault)
        {
            LogLost(pending.Id, fault.Message);
        }
        catch (StoreUnavailableException fault)
        {
            isFailed = true;
            LogPaused(pending.Id, fault.Message);
        }
        catch (Exception fault)
        {
            isFailed = true;
            LogFailed(fault, pending.Id);
        }

        _events.Writer.TryWrite(new Event.Ended(key, isFailed, isDone));
    }

    private async Task WaitAsync(bool stopping)
    {
        using var timer = new CancellationTokenSource(stopping ? Timeout.InfiniteTimeSpan : UntilDue(), time);
        using var wake = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, stopping ? CancellationToken.None : _stopping.Token);
        try
        {
            await _events.Reader.WaitToReadAsync(wake.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Something is due, or the server stops.
        }
    }

    // Infinite where no batch waits, or none could be started.
    private TimeSpan UntilDue()
    {
        var (now, load) = (time.GetTimestamp(), LoadNow());
        var first = TimeSpan.MaxValue;
        foreach (var entry in _entries.Values.Where(entry => entry is { Signals: null, IsGone: false }))
        {
            var due = time.GetElapsedTime(now, entry.NotBefore);
            if (TurnOf(entry, load) == Turn.None)
            {
                // It has no turn before another ends, but its window may be over sooner.
                var left = WantsLook(entry) ? null : entry.Pending.ExpiresAt - documents.Store.Clock.Now;
                due = left is not { } wait ? TimeSpan.MaxValue : wait > due ? wait : due;
            }

            first = due < first ? due : first;
        }

        return first == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : first > TimeSpan.Zero ? first + TimeSpan.FromMilliseconds(1) : TimeSpan.Zero;
    }

    private Task FollowAsync(CancellationToken stoppingToken) => documents.Store.FollowAsync(
        BatchDocuments.Partition,
        BatchDocuments.PendingPrefix,
        step => _events.Writer.TryWrite(new Event.Followed(step)),
        (fault, _) => LogInterrupted(fault.Message),
        time,
        stoppingToken);

    private async Task SweepAsync(CancellationToken stoppingToken)
    {
        do
        {
            try
            {
                await discards.SweepAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                LogNotSwept(fault.Message);
            }
        }
        while (await DelayAsync(SweepEvery, stoppingToken).ConfigureAwait(false));
    }

    private async Task<bool> DelayAsync(TimeSpan wait, CancellationToken stoppingToken)
    {
        try
        {
            await Task.Delay(wait, time, stoppingToken).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private long After(TimeSpan wait) => time.GetTimestamp() + (long)(wait.TotalSeconds * time.TimestampFrequency);

    // Several replicas do not come at once.
    private TimeSpan Pause(int failures)
    {
        var pause = Again * Math.Pow(2, Math.Min(failures, 10));
        return (pause < LongestPause ? pause : LongestPause) * (0.75 + (random.NextDouble() / 2));
    }

    private abstract record Event
    {
        public sealed record Followed(Feed Step) : Event;

        public sealed record Ended(string Key, bool IsFailed, bool IsDone) : Event;
    }

    private enum Turn
    {
        Run,
        Look,
        None,
    }

    /// <summary>A batch that has not ended. Of the schedule's loop alone.</summary>
    private sealed class Entry(PendingRecord pending)
    {
        public PendingRecord Pending { get; set; } = pending;

        /// <summary>Null while it is not run here.</summary>
        public BatchSignals? Signals { get; set; }

        /// <summary>What is under way, or was last, is a look.</summary>
        public bool IsLook { get; set; }

        /// <summary>It was held once, here or elsewhere, and so validated.</summary>
        public bool IsLooked { get; set; }

        /// <summary>It has ended; the run notices by itself.</summary>
        public bool IsGone { get; set; }

        public long NotBefore { get; set; }

        public int Failures { get; set; }
    }

    [LoggerMessage(EventId = 237, EventName = "BatchLost", Level = LogLevel.Information, Message = "{Batch} is left to whoever holds it: {Reason}")]
    private partial void LogLost(string batch, string reason);

    [LoggerMessage(EventId = 238, EventName = "BatchPaused", Level = LogLevel.Warning, Message = "{Batch} pauses and goes on when the state store is back: {Reason}")]
    private partial void LogPaused(string batch, string reason);

    [LoggerMessage(EventId = 239, EventName = "BatchFailed", Level = LogLevel.Error, Message = "{Batch} could not be run and is tried again")]
    private partial void LogFailed(Exception fault, string batch);

    [LoggerMessage(EventId = 240, EventName = "BatchFeedInterrupted", Level = LogLevel.Warning, Message = "The feed of batches was interrupted and is taken up again: {Reason}")]
    private partial void LogInterrupted(string reason);

    [LoggerMessage(EventId = 241, EventName = "BatchSweepFailed", Level = LogLevel.Warning, Message = "Files whose time is up could not be removed: {Reason}")]
    private partial void LogNotSwept(string reason);
}
