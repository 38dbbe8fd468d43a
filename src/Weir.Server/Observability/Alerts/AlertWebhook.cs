using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Server.Configuration;
using Weir.Server.Hosting;

namespace Weir.Server.Observability.Alerts;

/// <summary>
/// Posts beginnings and ends to <c>alerts.webhook</c>, in order, one at a time, tried again with back-off. The address may hold a secret: it is
/// neither logged nor shown. Whoever posts never waits; past a bound the newest are dropped, which is counted and said.
/// </summary>
internal sealed partial class AlertWebhook : BackgroundService
{
    /// <summary>What may wait to be posted.</summary>
    public const int Capacity = 256;

    private const int MostTries = 6;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    private readonly Channel<AlertMessage> _waiting = Channel.CreateBounded<AlertMessage>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly LiveConfiguration _configuration;
    private readonly ReplicaName _replica;
    private readonly HttpMessageHandler _handler;
    private readonly TimeProvider _time;
    private readonly ILogger<AlertWebhook> _log;
    private readonly Counter<long> _failures;

    public AlertWebhook(LiveConfiguration configuration, ReplicaName replica, AlertWebhookHandler handler, IMeterFactory meters, TimeProvider time, ILogger<AlertWebhook> log)
    {
        (_configuration, _replica, _handler, _time, _log) = (configuration, replica, handler.Handler, time, log);
        _failures = meters.Create("Weir.Server").CreateCounter<long>("weir.alerts.webhook_failures", "{attempt}", "Posts of alerts that failed, and alerts that were dropped.");
    }

    /// <summary>Hands a change over; does nothing where no webhook is set.</summary>
    public void Post(AlertChange change)
    {
        if (_configuration.Current.Alerts.Webhook is null) return;

        var alert = change.Alert;
        var message = new AlertMessage(
            alert.Id, alert.Alert, alert.Subject, change.IsBegin ? "begin" : "end", alert.Value, alert.Threshold, alert.Since, change.At, _replica.Name);
        if (_waiting.Writer.TryWrite(message)) return;
        _failures.Add(1);
        LogDropped(alert.Alert, Capacity);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var client = new HttpClient(_handler, disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };
        try
        {
            await foreach (var message in _waiting.Reader.ReadAllAsync(stoppingToken)) await DeliverAsync(client, message, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // Stopping: what waits is in the log.
        }
    }

    private async Task DeliverAsync(HttpClient client, AlertMessage message, CancellationToken stoppingToken)
    {
        for (var tries = 1; ; tries++)
        {
            // Read anew each time: an address that was mended is used at once, one that was taken away not any more.
            if (_configuration.Current.Alerts.Webhook is not { } address) return;

            var failure = await TryAsync(client, address, message, stoppingToken);
            if (failure is null) return;

            _failures.Add(1);
            if (tries == MostTries)
            {
                LogGivenUp(message.Alert, message.State, tries, failure);
                return;
            }

            LogFailed(message.Alert, message.State, failure);
            await Task.Delay(TimeSpan.FromSeconds(1 << (tries - 1)), _time, stoppingToken);
        }
    }

    // Null: taken. Else what happened, in words that hold nothing of the address.
    private async Task<string?> TryAsync(HttpClient client, string address, AlertMessage message, CancellationToken stoppingToken)
    {
        using var bound = new CancellationTokenSource(Within, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, stoppingToken);
        try
        {
            using var body = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(message, WireJson.Options));
            body.Headers.ContentType = new("application/json");
            using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = body };
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            return answer.IsSuccessStatusCode ? null : $"it answered {(int)answer.StatusCode}";
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            return $"it did not answer within {Within.TotalSeconds:0} s";
        }
        catch (HttpRequestException fault)
        {
            return $"it could not be reached ({fault.HttpRequestError})";
        }
    }

    [LoggerMessage(1, LogLevel.Information, "The webhook did not take alert {Alert} ({State}): {Reason}. It is tried again.", EventName = "alert_webhook_failed")]
    private partial void LogFailed(string alert, string state, string reason);

    [LoggerMessage(2, LogLevel.Warning, "The webhook did not take alert {Alert} ({State}) in {Tries} tries: {Reason}.", EventName = "alert_webhook_given_up")]
    private partial void LogGivenUp(string alert, string state, int tries, string reason);

    [LoggerMessage(3, LogLevel.Warning, "Alert {Alert} is not posted: {Capacity} wait for the webhook already.", EventName = "alert_webhook_full")]
    private partial void LogDropped(string alert, int capacity);
}

/// <summary>What is posted.</summary>
internal sealed record AlertMessage(
    string Id, string Alert, string Subject, string State, double Value, double Threshold, DateTimeOffset Since, DateTimeOffset At, string Replica);

/// <summary>How the webhook is reached: tests put their own here.</summary>
internal sealed record AlertWebhookHandler(HttpMessageHandler Handler);

/// <summary>What this replica calls itself to people: its advertised address, else machine and port.</summary>
internal sealed record ReplicaName(string Name)
{
    public static ReplicaName Of(ServerOptions server) => new(
        server.AdvertisedUrl ?? (Uri.TryCreate(server.Url, UriKind.Absolute, out var url) ? $"{Environment.MachineName}:{url.Port}" : Environment.MachineName));
}
