using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Server.Providers;

/// <summary>
/// Takes orders for providers: stored, so that every replica follows and a restart does not forget; and where the store is away, carried out
/// on this replica alone, which the result says.
/// </summary>
internal sealed partial class ProviderDesk(IStateStore store, ProviderSwitchboard board, TimeProvider time, ILogger<ProviderDesk> log)
{
    private const int MostTries = 20;
    private static readonly TimeSpan StoreWithin = TimeSpan.FromSeconds(3);

    /// <summary>Takes a provider out of use.</summary>
    /// <returns>Whether every replica will know.</returns>
    public async Task<bool> PauseAsync(string provider, bool drain, string by, CancellationToken cancellationToken)
    {
        LogPaused(provider, drain, by);
        var pause = new PauseRecord(drain, time.GetUtcNow(), by);
        // Asked for twice, it has been paused since the first time.
        return await ChangeAsync(
            provider, before => before with { Pause = before.Pause is { } known ? known with { Drain = drain } : pause }, cancellationToken);
    }

    /// <inheritdoc cref="PauseAsync"/>
    public async Task<bool> ResumeAsync(string provider, string by, CancellationToken cancellationToken)
    {
        LogResumed(provider, by);
        return await ChangeAsync(provider, before => before with { Pause = null }, cancellationToken);
    }

    /// <inheritdoc cref="PauseAsync"/>
    public async Task<bool> ResetAsync(string provider, string by, CancellationToken cancellationToken)
    {
        LogReset(provider, by);
        var reset = new ResetRecord(Guid.NewGuid().ToString("N"), time.GetUtcNow(), by);
        return await ChangeAsync(provider, before => before with { Reset = reset }, cancellationToken);
    }

    private async Task<bool> ChangeAsync(string provider, Func<ProviderRecord, ProviderRecord> change, CancellationToken cancellationToken)
    {
        using var bound = new CancellationTokenSource(StoreWithin, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, cancellationToken);
        var reason = "others changed it all the time.";
        try
        {
            for (var tries = 0; tries < MostTries; tries++)
            {
                var key = ProviderRecord.KeyOf(provider);
                var stored = await store.ReadAsync(ProviderRecord.Partition, key, limit.Token);
                var record = change((stored is null ? null : ProviderRecord.Read(stored.Body)) ?? new ProviderRecord());
                var commit = new Commit(ProviderRecord.Partition) { Writes = [new Write(key, stored?.Version ?? 0, record.ToBody())], Deadline = StoreWithin };
                var outcome = await store.CommitAsync(commit, limit.Token);
                if (outcome is CommitOutcome.Unknown) outcome = await store.SettleAsync(commit, limit.Token);
                if (outcome is CommitOutcome.Committed committed)
                {
                    board.Stored(provider, record, committed.Revision);
                    return true;
                }

                if (outcome is CommitOutcome.Unknown unknown)
                {
                    reason = unknown.Reason;
                    break;
                }

                // Lost: somebody else changed it meanwhile; look again.
            }
        }
        catch (Exception fault) when (fault is StoreUnavailableException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            reason = fault.Message;
        }

        LogLocal(provider, reason);
        board.Local(provider, change(board.RecordOf(provider)));
        return false;
    }

    [LoggerMessage(1, LogLevel.Warning, "Provider {Provider} is paused by {By} (drain: {Drain}).", EventName = "provider_paused")]
    private partial void LogPaused(string provider, bool drain, string by);

    [LoggerMessage(2, LogLevel.Information, "Provider {Provider} is resumed by {By}.", EventName = "provider_resumed")]
    private partial void LogResumed(string provider, string by);

    [LoggerMessage(3, LogLevel.Information, "Provider {Provider} is reset by {By}.", EventName = "provider_reset")]
    private partial void LogReset(string provider, string by);

    [LoggerMessage(4, LogLevel.Warning, "The order for provider {Provider} holds on this replica alone: {Reason}", EventName = "provider_order_local")]
    private partial void LogLocal(string provider, string reason);
}
