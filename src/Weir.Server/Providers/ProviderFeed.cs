using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Server.Providers;

/// <summary>Follows what operators do to providers through any replica.</summary>
internal sealed partial class ProviderFeed(IStateStore store, ProviderSwitchboard board, TimeProvider time, ILogger<ProviderFeed> log) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => store.FollowAsync(
        ProviderRecord.Partition, ProviderRecord.KeyPrefix, Apply, (fault, pause) => LogInterrupted(fault.Message, pause), time, stoppingToken);

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
