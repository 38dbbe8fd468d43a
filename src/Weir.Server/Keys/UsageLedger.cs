using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Server.Keys;

/// <summary>
/// Writes counted usage to the store every few seconds and at shutdown: each replica adds what it counted to the key's document of
/// the day by compare-and-set, and learns from it what the others counted. A crash loses at most one interval.
/// </summary>
internal sealed partial class UsageLedger(
    IStateStore store, KeyRing ring, KeyStates states, KeyMetrics metrics, TimeProvider time, ILogger<UsageLedger> log) : BackgroundService
{
    public const string Partition = "usage";
    public const string KeyPrefix = "usage/";

    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LastFlushWithin = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LastDayWithin = TimeSpan.FromMinutes(2);
    private const int MostTries = 20;
    private const int MostWriters = 256;

    // Names this process among the writers of a document.
    private readonly string _writer = Guid.NewGuid().ToString("N")[..12];

    // Taken from the counters and not known to be written. A batch keeps its number until it is, so that writing it again does nothing.
    private readonly List<Batch> _batches = [];
    private long _lastBatch;
    private volatile bool _away;

    // One flush at a time: the loop's, or the one that shutdown asks for.
    private readonly SemaphoreSlim _flushing = new(1, 1);

    // One reader at a time, so that a flush waits for no more than one of them.
    private readonly SemaphoreSlim _reading = new(1, 1);

    /// <summary>Reads what keys spent this month, as far as it bounds them.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var today = Today();
        for (var day = new DateOnly(today.Year, today.Month, 1); day <= today; day = day.AddDays(1))
        {
            await foreach (var document in ListDayAsync(day, cancellationToken))
                states.Of(document.Key).WithUsage(u => { u.Stored(document.Day, Cost(document)); return 0; });
        }
    }

    /// <summary>Writes all that is counted and not yet written. Returns when it is written or has failed; what failed stays counted.</summary>
    public async Task<bool> FlushAsync(CancellationToken cancellationToken)
    {
        await _flushing.WaitAsync(cancellationToken);
        try
        {
            await WriteBatchesAsync(cancellationToken);
            foreach (var key in states.All)
            {
                if (!key.WithUsage(u => u.HasPending)) continue;

                foreach (var day in key.WithUsage(u => u.Take()).GroupBy(t => t.Key.Day))
                    _batches.Add(new Batch(++_lastBatch, key, day.Key, [.. day]));
            }

            await WriteBatchesAsync(cancellationToken);
            if (_away) LogFlushed();
            _away = false;
            return true;
        }
        catch (Exception fault) when (fault is StoreUnavailableException or OperationCanceledException)
        {
            metrics.FlushFailed();
            // Once per outage; the counter tells how often.
            if (!_away) LogFlushFailed(fault.Message);
            _away = true;
            return false;
        }
        finally
        {
            _flushing.Release();
        }
    }

    /// <summary>Reads while nothing is on its way to the store: whatever is counted is then either stored or not yet, never both and never neither.</summary>
    public async Task<T> ReadAsync<T>(Func<Task<T>> read, CancellationToken cancellationToken)
    {
        await _reading.WaitAsync(cancellationToken);
        try
        {
            await _flushing.WaitAsync(cancellationToken);
            try
            {
                return await read();
            }
            finally
            {
                _flushing.Release();
            }
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <summary>The documents of one day, of every key.</summary>
    public async IAsyncEnumerable<UsageDocument> ListDayAsync(
        DateOnly day, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const int Page = 500;
        var prefix = KeyPrefix + Text(day) + "/";
        string? after = null;
        while (true)
        {
            var page = await store.ListAsync(Partition, prefix, after, Page, cancellationToken);
            foreach (var document in page)
            {
                if (Read(document) is { } usage) yield return usage;
            }

            if (page.Count < Page) yield break;
            after = page[^1].Key;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var loaded = false;
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            do
            {
                try
                {
                    if (!loaded)
                    {
                        await LoadAsync(stoppingToken);
                        loaded = true;
                    }

                    await FlushAsync(stoppingToken);
                    await RefreshSpendersAsync(stoppingToken);
                }
                catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
                {
                    metrics.FlushFailed();
                    if (!_away) LogFlushFailed(fault.Message);
                    _away = true;
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // Stopping: the last flush follows.
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        // Not the host's token: it may be spent on cutting connections, and this is the last chance.
        using var limit = new CancellationTokenSource(LastFlushWithin, time);
        try
        {
            await FlushAsync(limit.Token);
        }
        catch (Exception fault)
        {
            LogFlushFailed(fault.Message);
        }
    }

    public override void Dispose()
    {
        _flushing.Dispose();
        _reading.Dispose();
        base.Dispose();
    }

    // A key that spends through another replica alone must still be stopped here.
    internal async Task RefreshSpendersAsync(CancellationToken cancellationToken)
    {
        var today = Today();
        // What others used at the end of a day is written at the beginning of the next.
        DateOnly[] days = time.GetUtcNow().TimeOfDay < LastDayWithin ? [today.AddDays(-1), today] : [today];
        foreach (var record in ring.Table?.Records ?? [])
        {
            if (record.Spend is null) continue;
            foreach (var day in days)
            {
                var document = await store.ReadAsync(Partition, DocumentKey(day, record.Id), cancellationToken);
                if (document is not null && Read(document) is { } usage)
                    states.Of(record.Id).WithUsage(u => { u.Stored(day, Cost(usage)); return 0; });
            }
        }
    }

    private async Task WriteBatchesAsync(CancellationToken cancellationToken)
    {
        while (_batches.Count > 0)
        {
            var batch = _batches[0];
            var cost = await WriteAsync(batch, cancellationToken);
            batch.Key.WithUsage(u => { u.Written(batch.Day, cost); return 0; });
            _batches.RemoveAt(0);
        }
    }

    // A commit that was not answered needs no settling: whether the batch is in is read from the document itself, and a commit
    // that lands late finds the version gone.
    private async Task<decimal> WriteAsync(Batch batch, CancellationToken cancellationToken)
    {
        var documentKey = DocumentKey(batch.Day, batch.Key.KeyId);
        for (var tries = 0; tries < MostTries; tries++)
        {
            var stored = await store.ReadAsync(Partition, documentKey, cancellationToken);
            var before = stored is null ? null : Read(stored);
            if (before?.Writers?.GetValueOrDefault(_writer) >= batch.Number) return Cost(before);

            var after = Merge(batch, before);
            var body = JsonSerializer.SerializeToUtf8Bytes(after, KeyJson.Default.UsageDocument);
            var commit = new Commit(Partition) { Writes = [new Write(documentKey, stored?.Version ?? 0, body)] };
            if (await store.CommitAsync(commit, cancellationToken) is CommitOutcome.Committed) return Cost(after);
        }

        throw new StoreUnavailableException($"The usage of {batch.Key.KeyId} could not be written in {MostTries} tries.");
    }

    private UsageDocument Merge(Batch batch, UsageDocument? stored)
    {
        var models = stored is null ? [] : new Dictionary<string, UsageTotals>(stored.Models, StringComparer.Ordinal);
        foreach (var (usage, totals) in batch.Taken)
        {
            var name = models.Count >= UsageCounter.MaxModels && !models.ContainsKey(usage.Name) ? UsageCounter.OtherModels : usage.Name;
            models[name] = models.GetValueOrDefault(name) + totals;
        }

        // The most recent last: old processes fall out in front.
        var writers = (stored?.Writers ?? new Dictionary<string, long>()).Where(w => w.Key != _writer).TakeLast(MostWriters - 1)
            .Append(new(_writer, batch.Number)).ToDictionary();
        return new UsageDocument { Key = batch.Key.KeyId, Tenant = batch.Key.Tenant, Day = batch.Day, Models = models, Writers = writers };
    }

    private static UsageDocument? Read(Document document)
    {
        try
        {
            return JsonSerializer.Deserialize(document.Body.Span, KeyJson.Default.UsageDocument);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private DateOnly Today() => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    private static decimal Cost(UsageDocument document) => document.Models.Values.Sum(m => m.Cost);

    private static string DocumentKey(DateOnly day, string keyId) => $"{KeyPrefix}{Text(day)}/{keyId}";

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>What one key used on one day, on its way to the store.</summary>
    private sealed record Batch(long Number, KeyState Key, DateOnly Day, IReadOnlyList<KeyValuePair<UsageKey, UsageTotals>> Taken);

    [LoggerMessage(1, LogLevel.Warning, "Usage could not be written to the state store and is kept for the next time: {Reason}", EventName = "usage_flush_failed")]
    private partial void LogFlushFailed(string reason);

    [LoggerMessage(2, LogLevel.Information, "Usage is written to the state store again.", EventName = "usage_flushed_again")]
    private partial void LogFlushed();
}
