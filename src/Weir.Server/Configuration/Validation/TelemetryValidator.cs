using Weir.Server.Configuration.Binding;
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

        ValidateCapture(options, faults);
        if (options.Alerts.Webhook is { } webhook && !WebAddress.IsHttp(webhook))
        {
            faults.Add("alerts.webhook", "is not an http or https address", "Write it like \"https://example.com/hooks/weir\"");
        }
    }

    private static void ValidateCapture(WeirOptions options, FaultList faults)
    {
        const string Path = "telemetry.capture";
        var capture = options.Telemetry.Capture;
        if (capture.Path is { } path && string.IsNullOrWhiteSpace(path))
        {
            faults.Add(SettingPath.Member(Path, "path"), "is empty", "Name a file, such as \"./data/capture.jsonl\", or leave it out");
        }

        for (var i = 0; i < capture.Routes.Count; i++)
        {
            var name = capture.Routes[i];
            var slash = name.IndexOf('/', StringComparison.Ordinal);
            if (name != "*" && !options.Routes.ContainsKey(name) && !options.Embeddings.ModelsWithDefault().ContainsKey(name) && !(slash > 0 && options.Providers.ContainsKey(name[..slash])) && !faults.IsBlamed("routes"))
            {
                var near = NearestName.Find(name, options.Routes.Keys);
                faults.Add(SettingPath.Item(SettingPath.Member(Path, "routes"), i), "names no route", near is null ? "Write the name of a route, provider/model, or \"*\" for all" : $"Did you mean \"{near}\"?");
            }
        }
    }
}
