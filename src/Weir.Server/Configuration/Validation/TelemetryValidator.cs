using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Where traces, metrics and alerts go.</summary>
internal sealed class TelemetryValidator : IConfigurationValidator
{
    public void Validate(WeirOptions options, FaultList faults)
    {
        if (options.Telemetry.Otlp is { } collector && !WebAddress.IsHttp(collector))
        {
            faults.Add("telemetry.otlp", "is not an http or https address", "Write it like \"http://127.0.0.1:4317\"");
        }

        if (options.Alerts.Webhook is { } webhook && !WebAddress.IsHttp(webhook))
        {
            faults.Add("alerts.webhook", "is not an http or https address", "Write it like \"https://example.com/hooks/weir\"");
        }
    }
}
