using Weir.Inference.Caching;
using Weir.Inference.Capturing;
using Weir.Inference.Embeddings;
using Weir.Inference.Load;
using Weir.Inference.Models;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>The door of the gateway: finds the route that a request asks for and sends it on its <see cref="Journey"/>.</summary>
public sealed class InferencePipeline
{
    private readonly ModelDirectory _directory;
    private readonly ResponseDirectory _responses;
    private readonly LoadProfiles _load;
    private readonly JourneyServices _services;
    private readonly Journeys _journeys;
    private readonly CachedJourneys _cached;
    private readonly EmbeddingJourneys _embeddings;
    private readonly CapturePoint _capture;

    internal InferencePipeline(
        ModelDirectory directory,
        ResponseDirectory responses,
        LoadProfiles load,
        Journeys journeys,
        CachedJourneys cached,
        EmbeddingJourneys embeddings,
        CapturePoint capture)
    {
        _directory = directory;
        _responses = responses;
        _load = load;
        _services = journeys.Services;
        _journeys = journeys;
        _cached = cached;
        _embeddings = embeddings;
        _capture = capture;
    }

    /// <summary>
    /// The tokens that a request will probably use, in and out: what its body holds and the mean of its route's answers. The client's own
    /// bound is no estimate: clients ask for far more than they get.
    /// </summary>
    public int EstimateOf(Operation operation, in RequestHead head) =>
        head.EstimatedInput + (operation == Operation.CountTokens ? 0 : _directory.MeanOutputOf(head.Model));

    /// <summary>Serves one request to its end.</summary>
    /// <returns>What became of it. Where <see cref="InferenceReport.Error"/> is set, nothing has been written to <paramref name="answer"/>.</returns>
    public async ValueTask<InferenceReport> RunAsync(InferenceRequest request, IAnswer answer, CancellationToken clientGone)
    {
        var started = _services.Time.GetTimestamp();
        // What a model of this server's own asks of a provider was counted when a client asked for it.
        if (!request.IsForRoutes)
        {
            _load.Count(started);
        }

        var report = new InferenceReport();
        CapturedAnswer? captured = null;
        try
        {
            var (known, served) = request.Stored is null ? _directory.Look(request) : default;
            var (route, error) = served is null
                ? await RouteOfAsync(request, known, clientGone).ConfigureAwait(false)
                : (null, ModelDirectory.Admit(served, request));
            report.Route = served?.Name ?? route?.Name;
            report.IsConfigured = served is not null || route is { IsConfigured: true };
            captured = report.Route is { } name ? _capture.Tap(name, request, answer) : null;
            error ??= served is null
                ? await TravelAsync(route!, request, captured ?? answer, answer, report, started, clientGone).ConfigureAwait(false)
                : await served.ServeAsync(request, captured ?? answer, report, clientGone).ConfigureAwait(false);
            report.Error = error is { Code: "model_not_found" } && route is { IsConfigured: false }
                ? await _directory.HintAsync(error, route, request.MayUse, clientGone).ConfigureAwait(false)
                : error;
        }
        catch (OperationCanceledException) when (clientGone.IsCancellationRequested)
        {
            report.ClientLeft();
        }
        catch
        {
            captured?.Drop();
            throw;
        }

        if (report.Error is { } refused)
        {
            report.Status = refused.Status;
            report.FailedBy ??= refused.Code;
        }

        var took = _services.Time.GetElapsedTime(started);
        _services.Metrics.Served(request, report, took);
        InferenceTracing.Served(request, report);
        captured?.End(report, took);
        return report;
    }

    private ValueTask<InferenceError?> TravelAsync(
        RouteModel route, InferenceRequest request, IAnswer answer, IAnswer client, InferenceReport report, long started, CancellationToken clientGone) =>
        request.Head.Stream && !route.Heartbeat.IsOff
            ? TravelBeatingAsync(route, request, answer, client, report, started, clientGone)
            : ServeAsync(route, request, answer, report, started, clientGone);

    private async ValueTask<InferenceError?> TravelBeatingAsync(
        RouteModel route, InferenceRequest request, IAnswer answer, IAnswer client, InferenceReport report, long started, CancellationToken clientGone)
    {
        using var beating = new HeartbeatAnswer(answer, client, request.Operation, route.Heartbeat.Every, _services.Time, clientGone);
        InferenceError? error = null, left = null;
        try
        {
            error = await ServeAsync(route, request, beating, report, started, clientGone).ConfigureAwait(false);
        }
        finally
        {
            left = await beating.EndAsync(error).ConfigureAwait(false);
            report.Status = beating.WasEarly ? 200 : report.Status;
            report.FailedBy ??= error?.Code;
        }

        return left;
    }

    private ValueTask<InferenceError?> ServeAsync(
        RouteModel route, InferenceRequest request, IAnswer answer, InferenceReport report, long started, CancellationToken clientGone) =>
        request.Operation == Operation.Embeddings ? _embeddings.RunAsync(route, request, answer, report, started, clientGone)
        : _cached.Concern(request) ? _cached.RunAsync(route, request, answer, report, started, clientGone)
        : _journeys.RunAsync(route, request, answer, report, started, clientGone);

    private ValueTask<(RouteModel? Route, InferenceError? Error)> RouteOfAsync(InferenceRequest request, RouteModel? known, CancellationToken clientGone)
    {
        if (request.Stored is { } call)
        {
            return new(_responses.Locate(request, call));
        }

        var resolved = _directory.ResolveAsync(request.Head.Model, known, request.MayUse, clientGone);
        return request.Operation == Operation.Responses ? NarrowAsync(resolved, request) : resolved;
    }

    private async ValueTask<(RouteModel? Route, InferenceError? Error)> NarrowAsync(
        ValueTask<(RouteModel? Route, InferenceError? Error)> resolving, InferenceRequest request)
    {
        var (route, error) = await resolving.ConfigureAwait(false);
        return error is null ? _responses.Narrow(route!, request) : (route, error);
    }
}
