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

    // Writes whose fate the store did not tell. They are settled before anything else of their key is written.
    private readonly Dictionary<string, (KeyState Key, DateOnly Day, Commit Commit, decimal Cost)> _inDoubt = new(StringComparer.Ordinal);

    // One flush at a time: the loop's, or the one that shutdown asks for.
    private readonly SemaphoreSlim _flushing = new(1, 1);

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
            foreach (var (id, doubt) in _inDoubt.ToList())
            {
                Settled(doubt.Key, doubt.Day, doubt.Cost, await store.SettleAsync(doubt.Commit, cancellationToken));
                _inDoubt.Remove(id);
            }

            foreach (var key in states.All)
            {
                if (!key.WithUsage(u => u.HasPending)) continue;

                await WriteAsync(key, cancellationToken);
            }

            return true;
        }
        catch (Exception fault) when (fault is StoreUnavailableException or OperationCanceledException)
        {
            metrics.FlushFailed();
            LogFlushFailed(fault.Message);
            return false;
        }
        finally
        {
            _flushing.Release();
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
                    LogFlushFailed(fault.Message);
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
        base.Dispose();
    }

    // A key that spends through another replica alone must still be stopped here.
    private async Task RefreshSpendersAsync(CancellationToken cancellationToken)
    {
        var today = Today();
        foreach (var record in ring.Table?.Records ?? [])
        {
            if (record.Spend is null) continue;
            var document = await store.ReadAsync(Partition, DocumentKey(today, record.Id), cancellationToken);
            if (document is not null && Read(document) is { } usage)
                states.Of(record.Id).WithUsage(u => { u.Stored(today, Cost(usage)); return 0; });
        }
    }

    private async Task WriteAsync(KeyState key, CancellationToken cancellationToken)
    {
        var days = key.WithUsage(u => u.Take()).GroupBy(t => t.Key.Day).ToDictionary(g => g.Key, g => g.ToList());
        try
        {
            foreach (var (day, taken) in days)
                await WriteDayAsync(key, day, taken, cancellationToken);
        }
        catch
        {
            // Of what is in doubt nothing is said until it is settled; of the rest nothing was written.
            key.WithUsage(u =>
            {
                foreach (var day in days.Keys.Where(d => !_inDoubt.ContainsKey(DocumentKey(d, key.KeyId)))) u.NotWritten(day);
                return 0;
            });
            throw;
        }
    }

    private async Task WriteDayAsync(
        KeyState key, DateOnly day, List<KeyValuePair<UsageKey, UsageTotals>> taken, CancellationToken cancellationToken)
    {
        var documentKey = DocumentKey(day, key.KeyId);
        while (true)
        {
            var stored = await store.ReadAsync(Partition, documentKey, cancellationToken);
            var merged = Merge(key, day, stored is null ? null : Read(stored), taken);
            var body = JsonSerializer.SerializeToUtf8Bytes(merged, KeyJson.Default.UsageDocument);
            var commit = new Commit(Partition) { Writes = [new Write(documentKey, stored?.Version ?? 0, body)] };
            var cost = Cost(merged);
            // Until the store has said otherwise: an exception on the way may come after it was sent.
            _inDoubt[documentKey] = (key, day, commit, cost);
            CommitOutcome outcome;
            try
            {
                outcome = await store.CommitAsync(commit, cancellationToken);
            }
            catch (StoreUnavailableException)
            {
                // By contract nothing was sent.
                _inDoubt.Remove(documentKey);
                throw;
            }

            if (outcome is CommitOutcome.Unknown) outcome = await store.SettleAsync(commit, cancellationToken);
            _inDoubt.Remove(documentKey);
            if (outcome is CommitOutcome.Committed)
            {
                Settled(key, day, cost, outcome);
                return;
            }
        }
    }

    private static void Settled(KeyState key, DateOnly day, decimal cost, CommitOutcome outcome) => key.WithUsage(u =>
    {
        if (outcome is CommitOutcome.Committed) u.Written(day, cost);
        else u.NotWritten(day);
        return 0;
    });

    private static UsageDocument Merge(KeyState key, DateOnly day, UsageDocument? stored, List<KeyValuePair<UsageKey, UsageTotals>> taken)
    {
        var models = stored is null ? [] : new Dictionary<string, UsageTotals>(stored.Models, StringComparer.Ordinal);
        foreach (var (usage, totals) in taken)
        {
            var name = models.Count >= UsageCounter.MaxModels && !models.ContainsKey(usage.Name) ? UsageCounter.OtherModels : usage.Name;
            models[name] = models.GetValueOrDefault(name) + totals;
        }

        return new UsageDocument { Key = key.KeyId, Tenant = key.Tenant, Day = day, Models = models };
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

    [LoggerMessage(1, LogLevel.Warning, "Usage could not be written to the state store and is kept for the next time: {Reason}", EventName = "usage_flush_failed")]
    private partial void LogFlushFailed(string reason);
}
