using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Server.Providers;

/// <summary>Follows what operators do to providers through any replica.</summary>
internal sealed partial class ProviderFeed(IStateStore store, ProviderSwitchboard board, TimeProvider time, ILogger<ProviderFeed> log) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await foreach (var step in store.WatchAsync(ProviderRecord.Partition, [ProviderRecord.KeyPrefix], stoppingToken))
                {
                    Apply(step);
                    pause = FirstPause;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                LogInterrupted(fault.Message, pause);
            }

            try
            {
                await Task.Delay(pause, time, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private void Apply(Feed step)
    {
        switch (step)
        {
            case Feed.Snapshot snapshot:
                board.Stored(snapshot.Documents.Select(d => (Name: NameOf(d.Key), Record: Read(d), d.Version)).Where(d => d.Record is not null)
                    .ToDictionary(d => d.Name, d => (d.Record!, d.Version), StringComparer.Ordinal));
                break;

            case Feed.Changes changes:
                foreach (var change in changes.Items)
                {
                    if (change.Document is null) board.Stored(NameOf(change.Key), new ProviderRecord(), changes.Revision);
                    else if (Read(change.Document) is { } record) board.Stored(NameOf(change.Key), record, change.Document.Version);
                }

                break;
        }
    }

    private ProviderRecord? Read(Document document)
    {
        var record = ProviderRecord.Read(document.Body);
        if (record is null) LogUnreadable(document.Key);
        return record;
    }

    private static string NameOf(string key) => key[ProviderRecord.KeyPrefix.Length..];

    [LoggerMessage(1, LogLevel.Warning, "The feed of paused providers was interrupted ({Reason}); trying again in {Pause}.", EventName = "providers_interrupted")]
    private partial void LogInterrupted(string reason, TimeSpan pause);

    [LoggerMessage(2, LogLevel.Error, "The provider document {Key} cannot be read and is ignored.", EventName = "provider_unreadable")]
    private partial void LogUnreadable(string key);
}
