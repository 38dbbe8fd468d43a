using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Attempts;

/// <summary>Whether Weir asks for the usage of a stream in the client's stead; the event that only counts is then not the client's.</summary>
internal static class StreamUsage
{
    public static bool IsAddedTo(InferenceRequest request, DeploymentModel deployment) =>
        request.Head.Stream
        && request.Operation.StreamEnd == StreamEnd.Done
        && deployment.Provider.UsageInStream
        && request.Head.Usage is { IsAsked: false, IsUnreadable: false };
}
