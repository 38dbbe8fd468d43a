using System.Diagnostics;
using System.Diagnostics.Metrics;
using Weir.Inference.Attempts;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>What the gateway counts. Names after the OpenTelemetry GenAI conventions where they have one.</summary>
public sealed class InferenceMetrics : IDisposable
{
    public const string MeterName = "Weir.Inference";

    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _attempts;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _firstEvent;
    private readonly Histogram<double> _queued;
    private readonly Counter<long> _tokens;

    public InferenceMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _requests = _meter.CreateCounter<long>("weir.inference.requests", "{request}", "Requests by route and outcome.");
        _attempts = _meter.CreateCounter<long>("weir.inference.attempts", "{attempt}", "Sends to providers by deployment and class of failure.");
        _duration = _meter.CreateHistogram<double>("gen_ai.server.request.duration", "s", "From the reading of a request to the end of its answer.");
        _firstEvent = _meter.CreateHistogram<double>("gen_ai.server.time_to_first_token", "s", "From the last send to the first event of its answer.");
        _queued = _meter.CreateHistogram<double>("weir.inference.queued", "s", "Spent waiting for admission.");
        _tokens = _meter.CreateCounter<long>("gen_ai.client.token.usage", "{token}", "Tokens as providers counted them.");
    }

    public void Dispose() => _meter.Dispose();

    internal void Attempted(DeploymentModel target, FailureClass? failure)
    {
        if (_attempts.Enabled)
        {
            _attempts.Add(1, new("deployment", target.State.Lane.Name), new("outcome", failure is { } kind ? NameOf(kind) : "answered"));
        }
    }

    internal void Served(InferenceRequest request, InferenceReport report, TimeSpan took)
    {
        if (_requests.Enabled)
        {
            _requests.Add(1, new("route", report.Label), new("operation", request.Operation.Name), new("outcome", report.FailedBy ?? "complete"));
        }

        var model = new KeyValuePair<string, object?>("gen_ai.request.model", report.Label);
        var operation = new KeyValuePair<string, object?>("gen_ai.operation.name", request.Operation.Name);
        _duration.Record(took.TotalSeconds, model, operation);
        if (report.Attempts > 0)
        {
            _queued.Record(report.Queued.TotalSeconds, model);
        }

        if (request.Head.Stream && report.FirstEvent is { } first)
        {
            _firstEvent.Record(first.TotalSeconds, model, operation);
        }

        if (report.Usage is { } usage && _tokens.Enabled)
        {
            _tokens.Add(usage.Input, model, new("gen_ai.token.type", "input"));
            _tokens.Add(usage.Output, model, new("gen_ai.token.type", "output"));
        }
    }

    private static string NameOf(FailureClass kind) => kind switch
    {
        FailureClass.Network => "network",
        FailureClass.Unavailable => "unavailable",
        FailureClass.RateLimited => "rate_limited",
        FailureClass.KeyRefused or FailureClass.DeploymentRefused => "refused",
        FailureClass.Absent => "absent",
        FailureClass.Timeout => "timeout",
        FailureClass.Broken => "broken",
        FailureClass.Client => "client",
        FailureClass.Inexpressible => "inexpressible",
        FailureClass.Cancelled => "cancelled",
        _ => "deadline",
    };
}
