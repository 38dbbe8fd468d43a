using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Server.Observability.Health;
using Weir.State;

namespace Weir.Server.Keys;

/// <summary>The one writer of the <see cref="KeyRing"/>: follows the key documents and publishes a new table after each commit.</summary>
internal sealed partial class KeyFeed(
    IStateStore store, KeyRing ring, KeyStates states, TimeProvider time, ILogger<KeyFeed> log) : BackgroundService, IReadinessCheck
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, KeyRecord> _records = new(StringComparer.Ordinal);
    private volatile bool _following;

    string IReadinessCheck.Name => "keys";

    DependencyHealth IReadinessCheck.Check() => _following
        ? DependencyHealth.Ok
        : DependencyHealth.Degraded(ring.Table is null ? "The keys have not been read yet." : "The feed of keys is interrupted; keys are those last seen.");

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken);
        // Usually the first request finds the keys; a store that is away must not keep the server from saying so.
        if (!await ring.WhenAsync(_ => true, FirstWait, time, cancellationToken)) LogSlow();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => store.FollowAsync(
        KeyStore.Partition,
        KeyStore.KeyPrefix,
        Apply,
        (fault, pause) =>
        {
            _following = false;
            LogInterrupted(fault.Message, pause);
        },
        time,
        stoppingToken);

    private void Apply(Feed step)
    {
        switch (step)
        {
            case Feed.Snapshot snapshot:
                _records.Clear();
                foreach (var document in snapshot.Documents) Put(document);
                break;

            case Feed.Changes changes:
                foreach (var change in changes.Items)
                {
                    if (change.Document is { } document) Put(document);
                    else _records.Remove(change.Key);
                }

                break;
        }

        _following = true;
        ring.Publish(KeyTable.Of(_records.Values, states));
    }

    private void Put(Document document)
    {
        try
        {
            _records[document.Key] = JsonSerializer.Deserialize(document.Body.Span, KeyJson.Default.KeyRecord)
                ?? throw new JsonException("null");
        }
        catch (JsonException fault)
        {
            // One unreadable record must not lock everybody out, and must not let anybody in.
            _records.Remove(document.Key);
            LogUnreadable(document.Key, fault.Message);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The keys could not be read in time; requests are answered 503 until they are.", EventName = "keys_slow")]
    private partial void LogSlow();

    [LoggerMessage(2, LogLevel.Warning, "The feed of keys was interrupted ({Reason}); trying again in {Pause}.", EventName = "keys_interrupted")]
    private partial void LogInterrupted(string reason, TimeSpan pause);

    [LoggerMessage(3, LogLevel.Error, "The key document {Key} cannot be read and is ignored: {Reason}", EventName = "key_unreadable")]
    private partial void LogUnreadable(string key, string reason);
}
