using System.Diagnostics;
using Weir.Inference.Measuring;
using Weir.Inference.Attempts;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>Spans of the gateway, named and tagged after the OpenTelemetry GenAI conventions. Nothing is made when nobody listens.</summary>
public static class InferenceTracing
{
    public const string SourceName = "Weir.Inference";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>One attempt at a provider: a child of the request's span that lasts to the end of its answer.</summary>
    internal static Activity? StartAttempt(DeploymentModel target, InferenceRequest request, int attempt, TimeSpan queued)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        var activity = Source.StartActivity($"{request.Operation.Convention} {target.Model}", ActivityKind.Client);
        if (activity is { IsAllDataRequested: true })
        {
            activity.SetTag("gen_ai.operation.name", request.Operation.Convention);
            activity.SetTag("gen_ai.provider.name", target.Provider.TelemetryName);
            activity.SetTag("gen_ai.request.model", target.Model);
            activity.SetTag("server.address", target.Provider.Host);
            activity.SetTag("server.port", target.Provider.Port);
            activity.SetTag("weir.provider", target.Provider.Name);
            activity.SetTag("weir.attempt", attempt);
            activity.SetTag("weir.queued_ms", queued.TotalMilliseconds);
        }

        return activity;
    }

    /// <summary>Ends the span of an attempt that gave no answer.</summary>
    internal static void Failed(Activity? activity, Failure failure)
    {
        if (activity is null)
        {
            return;
        }

        var kind = AttemptOutcomes.NameOf(failure.Class);
        activity.SetTag("error.type", kind);
        if (failure.Status > 0)
        {
            activity.SetTag("http.response.status_code", failure.Status);
        }

        activity.SetStatus(ActivityStatusCode.Error, kind);
        activity.Dispose();
    }

    /// <summary>Says what an answered attempt has come to; its owner ends the span.</summary>
    internal static void Answered(Activity? activity, InferenceReport report, UpstreamAnswer upstream)
    {
        if (activity is not { IsAllDataRequested: true })
        {
            return;
        }

        activity.SetTag("http.response.status_code", report.Status);
        Describe(activity, report);
        if (upstream.IsStream)
        {
            activity.SetTag("gen_ai.response.time_to_first_chunk", upstream.FirstEvent.TotalSeconds);
        }

        if (!upstream.IsPacked)
        {
            // Of a stream this is its beginning: it names the model, and not how it will end.
            var head = upstream.Head.Span;
            activity.SetTag("gen_ai.response.model", AnswerFacts.ModelOf(head));
            activity.SetTag("gen_ai.response.finish_reasons", AnswerFacts.FinishReasonsOf(head));
        }

        if (report.FailedBy is { } kind)
        {
            activity.SetTag("error.type", kind);
            activity.SetStatus(ActivityStatusCode.Error, kind);
        }
    }

    /// <summary>Says on the request's own span, which the host made, what became of it.</summary>
    internal static void Served(InferenceRequest request, InferenceReport report)
    {
        if (Activity.Current is not { IsAllDataRequested: true } activity)
        {
            return;
        }

        activity.SetTag("gen_ai.operation.name", request.Operation.Convention);
        activity.SetTag("gen_ai.request.model", report.Label);
        activity.SetTag("weir.deployment", report.Deployment);
        activity.SetTag("weir.attempts", report.Attempts);
        activity.SetTag("weir.queued_ms", report.Queued.TotalMilliseconds);
        Describe(activity, report);
        if (report.FailedBy is { } kind)
        {
            activity.SetTag("error.type", kind);
        }
    }

    private static void Describe(Activity activity, InferenceReport report)
    {
        if (report.Usage is { } usage)
        {
            activity.SetTag("gen_ai.usage.input_tokens", usage.Input);
            activity.SetTag("gen_ai.usage.output_tokens", usage.Output);
        }
    }
}
