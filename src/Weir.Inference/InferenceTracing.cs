using System.Diagnostics;
using Weir.Inference.Attempts;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>Spans of the gateway, named and tagged after the OpenTelemetry GenAI conventions. Nothing is made when nobody listens.</summary>
public static class InferenceTracing
{
    public const string SourceName = "Weir.Inference";

    private static readonly ActivitySource Source = new(SourceName);

    internal static Activity? StartAttempt(DeploymentModel target, InferenceRequest request)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        var activity = Source.StartActivity($"{request.Operation.Name} {target.Model}", ActivityKind.Client);
        activity?.SetTag("gen_ai.operation.name", request.Operation.Name);
        activity?.SetTag("gen_ai.provider.name", target.Provider.Name);
        activity?.SetTag("gen_ai.request.model", target.Model);
        activity?.SetTag("server.address", target.UriOf(request.Operation).Host);
        return activity;
    }

    internal static void End(Activity? activity, in AttemptOutcome outcome)
    {
        if (activity is null)
        {
            return;
        }

        if (outcome.Failure is { } failure)
        {
            activity.SetTag("error.type", failure.Class.ToString());
            activity.SetStatus(ActivityStatusCode.Error, failure.Class.ToString());
        }
    }
}
