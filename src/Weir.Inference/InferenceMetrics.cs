using System.Diagnostics;
using System.Diagnostics.Metrics;
using Weir.Inference.Attempts;
using Weir.Inference.Measuring;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>
/// What the gateway counts. Names, units and bounds after the OpenTelemetry conventions for generative AI where they have one: towards
/// providers Weir is the client, towards its own clients the server.
/// </summary>
public sealed class InferenceMetrics : IDisposable
{
    public const string MeterName = "Weir.Inference";

    // A model's name that a client made up and no provider answered must not make series without end.
    private const string OtherModels = "_OTHER";

    private static readonly InstrumentAdvice<double> Durations = new()
    {
        HistogramBucketBoundaries = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    };

    private static readonly InstrumentAdvice<double> FirstTokens = new()
    {
        HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    private static readonly InstrumentAdvice<double> PerToken = new()
    {
        HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
    };

    private static readonly InstrumentAdvice<long> TokenCounts = new()
    {
        HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
    };

    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _attempts;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _firstEvent;
    private readonly Histogram<double> _perToken;
    private readonly Histogram<double> _queued;
    private readonly Histogram<double> _operation;
    private readonly Histogram<long> _tokens;

    public InferenceMetrics(IMeterFactory factory, TimeProvider time)
    {
        Traffic = new TrafficMeter(RequestOutcomes.Count, time);
        _meter = factory.Create(MeterName);
        _requests = _meter.CreateCounter<long>("weir.inference.requests", "{request}", "Requests by route and outcome.");
        _attempts = _meter.CreateCounter<long>("weir.inference.attempts", "{attempt}", "Sends to providers by deployment and outcome.");
        _queued = _meter.CreateHistogram<double>("weir.inference.queued", "s", "Spent waiting for admission.");
        _duration = _meter.CreateHistogram("gen_ai.server.request.duration", "s", "From the reading of a request to the end of its answer.", advice: Durations);
        _firstEvent = _meter.CreateHistogram("gen_ai.server.time_to_first_token", "s", "From the last send to the first event of its answer.", advice: FirstTokens);
        _perToken = _meter.CreateHistogram("gen_ai.server.time_per_output_token", "s", "Of streamed answers, after the first event.", advice: PerToken);
        _operation = _meter.CreateHistogram("gen_ai.client.operation.duration", "s", "One attempt at a provider, to the end of its answer.", advice: Durations);
        _tokens = _meter.CreateHistogram("gen_ai.client.token.usage", "{token}", "Tokens of an answer as its provider counted them.", advice: TokenCounts);
    }

    /// <summary>All requests of the gateway, minute by minute.</summary>
    internal TrafficMeter Traffic { get; }

    public void Dispose() => _meter.Dispose();

    /// <summary>An attempt gave no answer.</summary>
    internal void Failed(DeploymentModel target, InferenceRequest request, FailureClass kind, bool isConfigured, TimeSpan took)
    {
        target.State.Meter.Count(AttemptOutcomes.Of(kind));
        Ended(target, request, AttemptOutcomes.NameOf(kind), isConfigured ? target.Model : OtherModels, took, isError: true);
    }

    /// <summary>An attempt was answered, and the answer has ended.</summary>
    internal void Answered(DeploymentModel target, InferenceRequest request, InferenceReport report, RelayEnd end, TimeSpan? firstEvent, TimeSpan took)
    {
        var outcome = end is RelayEnd.BrokenOff or RelayEnd.Silent or RelayEnd.Failed ? AttemptOutcomes.BrokenOff : AttemptOutcomes.Answered;
        // What was not whole says how long it lasted, not how long an answer takes.
        target.State.Meter.Count(outcome, firstEvent, end == RelayEnd.Complete ? took : null, report.Usage?.Input ?? 0, report.Usage?.Output ?? 0);
        Ended(target, request, AttemptOutcomes.Names[outcome], target.Model, took, outcome != AttemptOutcomes.Answered);
        if (report.Usage is { } usage && _tokens.Enabled)
        {
            _tokens.Record(usage.Input, TagsOf(target, request, target.Model, "input"));
            _tokens.Record(usage.Output, TagsOf(target, request, target.Model, "output"));
        }
    }

    internal void Served(InferenceRequest request, InferenceReport report, TimeSpan took)
    {
        var whole = report.FailedBy is null;
        // A request that a model of this server's own passes on to a provider is one of its client's: the tokens are counted where they were used.
        var used = report.IsPassedOn ? default : report.Usage ?? default;
        if (request.IsForRoutes)
        {
            Traffic.CountTokens(used.Input, used.Output);
        }
        else
        {
            Traffic.Count(RequestOutcomes.Of(report), request.Head.Stream ? report.FirstEvent : null, whole ? took : null, used.Input, used.Output);
        }

        var label = report.Label;
        if (_requests.Enabled)
        {
            _requests.Add(1, new("route", label), new("operation", request.Operation.Name), new("outcome", report.FailedBy ?? "complete"));
        }

        var model = new KeyValuePair<string, object?>("gen_ai.request.model", label);
        var operation = new KeyValuePair<string, object?>("gen_ai.operation.name", request.Operation.Convention);
        if (whole)
        {
            _duration.Record(took.TotalSeconds, model, operation);
        }
        else
        {
            _duration.Record(took.TotalSeconds, model, operation, new("error.type", report.FailedBy));
        }

        if (report.Attempts > 0)
        {
            _queued.Record(report.Queued.TotalSeconds, model);
        }

        if (request.Head.Stream && report.FirstEvent is { } first)
        {
            _firstEvent.Record(first.TotalSeconds, model, operation);
            if (whole && report.Usage is { Output: > 1 } usage && took > first)
            {
                _perToken.Record((took - first - report.Queued).TotalSeconds / (usage.Output - 1), model, operation);
            }
        }
    }

    private void Ended(DeploymentModel target, InferenceRequest request, string outcome, string model, TimeSpan took, bool isError)
    {
        if (_attempts.Enabled)
        {
            _attempts.Add(1, new("deployment", target.State.Lane.Name), new("outcome", outcome));
        }

        if (_operation.Enabled)
        {
            var tags = TagsOf(target, request, model, tokens: null);
            if (isError)
            {
                tags.Add("error.type", outcome);
            }

            _operation.Record(took.TotalSeconds, tags);
        }
    }

    // At most as many as a TagList holds without allocating.
    private static TagList TagsOf(DeploymentModel target, InferenceRequest request, string model, string? tokens)
    {
        var tags = default(TagList);
        tags.Add("gen_ai.operation.name", request.Operation.Convention);
        tags.Add("gen_ai.provider.name", target.Provider.TelemetryName);
        tags.Add("gen_ai.request.model", model);
        tags.Add("server.address", target.Provider.Host);
        tags.Add("server.port", target.Provider.Port);
        if (tokens is not null)
        {
            tags.Add("gen_ai.token.type", tokens);
        }

        return tags;
    }
}
