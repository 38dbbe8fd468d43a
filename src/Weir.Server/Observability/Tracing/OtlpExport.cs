using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Weir.Inference;

namespace Weir.Server.Observability.Tracing;

/// <summary>Sends spans and metrics to an OTLP collector while the server runs; what is left goes at shutdown.</summary>
internal sealed class OtlpExport(Uri collector) : IHostedService, IDisposable
{
    private const int HttpPort = 4318;

    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var resource = ResourceBuilder.CreateDefault().AddService("weir", serviceVersion: WeirVersion.Text);
        _traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource(WeirActivity.SourceName, InferenceTracing.SourceName)
            .AddOtlpExporter(o => PointAt(o, "v1/traces"))
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter("Weir.*", "System.Runtime")
            .AddOtlpExporter(o => PointAt(o, "v1/metrics"))
            .Build();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        const int WithinMs = 3000;
        _traces?.Shutdown(WithinMs);
        _metrics?.Shutdown(WithinMs);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private void PointAt(OtlpExporterOptions options, string path)
    {
        var overHttp = collector.Port == HttpPort || collector.AbsolutePath.Length > 1;
        options.Protocol = overHttp ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
        // An address set in code is taken as it is: the signal's own path is ours to add.
        options.Endpoint = overHttp ? new Uri(collector.AbsoluteUri.TrimEnd('/') + "/" + path) : collector;
    }
}
