using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Inference.Status;
using Weir.Server.Configuration;
using Weir.Server.Observability.History;

namespace Weir.Server.Observability.Alerts;

/// <summary>Looks every 10 s: breakers at each look, everything else when a minute has closed. Tells each beginning and each end once.</summary>
internal sealed partial class Watchman : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    // Two minutes in a row make an alert and end it; an open breaker is one at once, and is over after a minute of none.
    private readonly AlertBook _minutes = new(begin: 2, end: 2);
    private readonly AlertBook _breakers = new(begin: 1, end: 6);
    private readonly GatewayStatus _gateway;
    private readonly HistoryCollector _collector;
    private readonly HistoryRing _ring;
    private readonly AlertWebhook _webhook;
    private readonly LiveConfiguration _configuration;
    private readonly TimeProvider _time;
    private readonly ILogger<Watchman> _log;
    private GatewayPulse _before;

    public Watchman(
        GatewayStatus gateway, HistoryCollector collector, HistoryRing ring, AlertWebhook webhook, LiveConfiguration configuration, IMeterFactory meters,
        TimeProvider time, ILogger<Watchman> log)
    {
        (_gateway, _collector, _ring, _webhook, _configuration, _time, _log) = (gateway, collector, ring, webhook, configuration, time, log);
        _before = gateway.ReadPulse();
        meters.Create("Weir.Server").CreateObservableGauge(
            "weir.alerts.active",
            () => Active.Select(on => new Measurement<int>(1, new("alert", on.Alert), new("subject", on.Subject))),
            "{alert}",
            "Alerts that have begun and not ended.");
    }

    /// <summary>Alerts that have begun and not ended.</summary>
    public IReadOnlyList<ActiveAlert> Active => [.. _breakers.Active, .. _minutes.Active];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    Look();
                }
                catch (Exception fault)
                {
                    // Whoever watches must not end what he watches.
                    LogLookFailed(fault);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    /// <summary>One look: what the timer does.</summary>
    internal void Look()
    {
        var options = _configuration.Current.Alerts;
        var now = _time.GetUtcNow();
        var pulse = _gateway.ReadPulse();
        Tell(_breakers.Step(AlertRules.Judge(_before, pulse), now));
        _before = pulse;
        // Minutes that were closed together are one look: what they say is not news of several.
        if (_collector.Collect(pulse).Count > 0)
            Tell(_minutes.Step(AlertRules.Judge(options, _ring.Last(Anomalies.Window + 1)), now));
    }

    private void Tell(IReadOnlyList<AlertChange> changes)
    {
        foreach (var change in changes)
        {
            var alert = change.Alert;
            if (change.IsBegin) LogBegin(alert.Alert, alert.Subject, alert.Value, alert.Threshold, alert.Since, alert.Id);
            else LogEnd(alert.Alert, alert.Subject, alert.Value, alert.Threshold, alert.Since, alert.Id);
            _webhook.Post(change);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Alert {Alert} {Subject} begins: {Value}, where the threshold is {Threshold}; since {Since:O} ({Id}).", EventName = "alert_begin")]
    private partial void LogBegin(string alert, string subject, double value, double threshold, DateTimeOffset since, string id);

    [LoggerMessage(2, LogLevel.Information, "Alert {Alert} {Subject} ends: {Value}, where the threshold is {Threshold}; since {Since:O} ({Id}).", EventName = "alert_end")]
    private partial void LogEnd(string alert, string subject, double value, double threshold, DateTimeOffset since, string id);

    [LoggerMessage(3, LogLevel.Error, "A look at the gateway for its history and alerts failed; the next one follows.", EventName = "watch_failed")]
    private partial void LogLookFailed(Exception fault);
}
