using Weir.Inference.Coalescing;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Caching;

/// <summary>Requests that are cached: answered from what is kept, else joined with the same request under way, else sent on their journey.</summary>
internal sealed class CachedJourneys(AnswerCache cache, AnswerFlights flights, Journeys journeys)
{
    /// <summary>As <see cref="AnswerCache.Concerns"/>: what this says no to costs nothing here.</summary>
    public bool Concern(InferenceRequest request) => cache.Concerns(request);

    /// <inheritdoc cref="Journey.RunAsync"/>
    public async ValueTask<InferenceError?> RunAsync(
        RouteModel route, InferenceRequest request, IAnswer answer, InferenceReport report, long started, CancellationToken clientGone)
    {
        if (cache.KeyOf(route, request) is not { } key)
        {
            return await journeys.RunAsync(route, request, answer, report, started, clientGone).ConfigureAwait(false);
        }

        if (await cache.TryReplayAsync(key, request, answer, report, clientGone).ConfigureAwait(false))
        {
            return null;
        }

        return await flights.RunAsync(
            new FlightTicket(key.For(request), key),
            async (shared, work, abandoned) => await cache.TryReplaySharedAsync(key, shared, work, abandoned).ConfigureAwait(false)
                ? null
                : await journeys.RunAsync(route, request, shared, work, started, abandoned).ConfigureAwait(false),
            route, request, answer, report, started, clientGone).ConfigureAwait(false);
    }
}
