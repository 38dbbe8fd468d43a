using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>Sends requests on their <see cref="Journey"/>, for whoever stands before it.</summary>
internal sealed class Journeys(JourneyServices services)
{
    public JourneyServices Services { get; } = services;

    /// <inheritdoc cref="Journey.RunAsync"/>
    public ValueTask<InferenceError?> RunAsync(
        RouteModel route, InferenceRequest request, IAnswer answer, InferenceReport report, long started, CancellationToken clientGone) =>
        new Journey(Services, route, request, answer, report, started, clientGone).RunAsync();
}
