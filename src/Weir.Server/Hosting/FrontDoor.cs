using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Weir.Server.Errors;
using Weir.Server.Keys;
using Weir.Server.Observability.Access;
using Weir.Server.Observability.Metrics;
using Weir.Server.Observability.Tracing;

namespace Weir.Server.Hosting;

/// <summary>
/// The one middleware of Weir, between routing and endpoints: names the request, counts it, asks who calls and whether they may,
/// and gives every failure the shape of its path. One layer instead of five, because each costs the gateway on every request.
/// </summary>
internal sealed partial class FrontDoor(
    RequestDelegate next, Authenticator authenticator, Drain drain, HttpMetrics metrics, AccessLog access, FrontDoorOptions options, TimeProvider time, ILogger<FrontDoor> log)
{
    private static readonly ApiError Draining =
        ApiError.Unavailable("The server is stopping and takes no new requests; send this to another replica or try again.", TimeSpan.FromSeconds(2), "draining");

    public async Task InvokeAsync(HttpContext context)
    {
        var id = RequestId.Next();
        context.TraceIdentifier = id;
        context.Response.Headers["x-request-id"] = id;

        var started = time.GetTimestamp();
        var endpoint = context.GetEndpoint() as RouteEndpoint;
        using var activity = WeirActivity.StartRequest(context, endpoint);
        var entered = false;
        // The token source keeps its nodes: nothing is allocated here in the long run.
        var cut = default(CancellationTokenRegistration);
        try
        {
            // What routing refused (no such path, wrong method) needs no caller: its answer is written below.
            if (endpoint is not null)
            {
                var requirement = endpoint.Metadata.GetMetadata<Requirement>() ?? Requirement.Undeclared;
                if (!requirement.IsAlways)
                {
                    entered = drain.TryEnter();
                    if (!entered)
                    {
                        context.Response.Headers.Connection = "close";
                        await context.WriteErrorAsync(Draining);
                        return;
                    }

                    cut = drain.Over.UnsafeRegister(static request => ((HttpContext)request!).Abort(), context);
                }

                if (requirement.Role != Role.None)
                {
                    if (!authenticator.TryAuthenticate(context, out var caller, out var error))
                    {
                        await context.WriteErrorAsync(error);
                        return;
                    }

                    if (!caller.Has(requirement.Role))
                    {
                        await context.WriteErrorAsync(ApiError.Forbidden(requirement.Named, caller.IsLoopback));
                        return;
                    }

                    context.Features.Set(caller);
                }
            }

            await next(context);

            var response = context.Response;
            if (response.StatusCode >= 400 && !response.HasStarted && response.ContentType is null && response.ContentLength is null)
                await context.WriteErrorAsync(StatusErrors.Of(response.StatusCode, context));
        }
        catch (Exception fault)
        {
            await AnswerAsync(context, fault, id);
        }
        finally
        {
            // Waits for a cut under way: the context serves another request after this one.
            await cut.DisposeAsync();
            if (entered) drain.Leave();
            var status = context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted ? 499 : context.Response.StatusCode;
            var took = time.GetElapsedTime(started);
            metrics.Record(context.Request.Method, endpoint, status, took);
            access.Write(context, endpoint, status, took);
            WeirActivity.EndRequest(activity, status);
        }
    }

    private async Task AnswerAsync(HttpContext context, Exception fault, string id)
    {
        // The client left: nobody reads an answer, and it is nobody's fault.
        if (context.RequestAborted.IsCancellationRequested) return;

        ApiError error;
        if (fault is BadHttpRequestException bad)
        {
            error = StatusErrors.Of(bad, options.MaxBody);
        }
        else
        {
            LogFault(fault, context.Request.Method, context.GetEndpoint()?.DisplayName ?? "(none)", id);
            Activity.Current?.SetStatus(ActivityStatusCode.Error, fault.GetType().Name);
            error = new ApiError(500, "internal_error", $"Weir failed to answer; its log says why under {id}.");
        }

        if (context.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            context.Abort();
            return;
        }

        var headers = context.Response.Headers;
        context.Response.Clear();
        headers["x-request-id"] = id;
        try
        {
            await context.WriteErrorAsync(error);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            context.Abort();
        }
    }

    [LoggerMessage(1, LogLevel.Error, "{Method} {Endpoint} failed ({RequestId}).", EventName = "request_failed")]
    private partial void LogFault(Exception fault, string method, string endpoint, string requestId);
}

/// <param name="MaxBody">The largest request body, in bytes.</param>
internal sealed record FrontDoorOptions(long MaxBody);
