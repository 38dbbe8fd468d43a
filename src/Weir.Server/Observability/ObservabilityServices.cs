using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Server.Observability.Access;
using Weir.Server.Observability.Alerts;
using Weir.Server.Observability.Capturing;
using Weir.Server.Observability.Health;
using Weir.Server.Observability.History;
using Weir.Server.Observability.Metrics;
using Weir.Server.Observability.Tracing;

namespace Weir.Server.Observability;

internal static class ObservabilityServices
{
    public static void AddObservability(this IServiceCollection services, WeirServerSetup setup)
    {
        services.AddMetrics();
        services.AddSingleton<HttpMetrics>();
        services.AddSingleton<MetricsReader>();
        services.AddHostedService(s => s.GetRequiredService<MetricsReader>());
        services.AddSingleton<LineQueue>(_ => new LineQueue());
        services.AddSingleton(new AccessOutput(Console.OpenStandardError()));
        services.AddSingleton(s => new AccessLog(
            s.GetRequiredService<ILoggerFactory>(), setup.LogFormat, s.GetRequiredService<LineQueue>(), s.GetRequiredService<TimeProvider>()));
        services.AddHostedService(s => new AccessWriter(
            s.GetRequiredService<LineQueue>(), setup.LogFormat, s.GetRequiredService<AccessOutput>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IProcessMeter, ProcessMeter>();
        services.AddSingleton<HistoryRing>();
        services.AddSingleton<HistoryCollector>();
        services.AddSingleton(ReplicaName.Of(setup.Options.Server));
        services.AddSingleton(_ => new AlertWebhookHandler(new SocketsHttpHandler { AllowAutoRedirect = false }));
        services.AddSingleton<AlertWebhook>();
        services.AddSingleton<Watchman>();
        services.AddHostedService(s => s.GetRequiredService<AlertWebhook>());
        services.AddHostedService(s => s.GetRequiredService<Watchman>());
        services.AddSingleton<CaptureSink>();
        services.AddHostedService<CaptureWriter>();
        services.AddSingleton<IReadinessCheck, StateCheck>();
        services.AddSingleton<Readiness>();
        services.AddSingleton(new ServerStart(setup.Time.GetUtcNow(), setup.Time.GetTimestamp()));
        if (setup.Options.Telemetry.Otlp is { } collector)
            services.AddHostedService(_ => new OtlpExport(new Uri(collector)));
    }
}

/// <summary>When this process began to serve, for <c>/v1/status</c>.</summary>
/// <param name="At">By the calendar, UTC.</param>
/// <param name="Timestamp">By the clock that nobody sets.</param>
internal sealed record ServerStart(DateTimeOffset At, long Timestamp);
