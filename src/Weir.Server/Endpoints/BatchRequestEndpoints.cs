using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference;
using Weir.Inference.Models;
using Weir.Inference.Requests;
using Weir.Server.Errors;
using Weir.Server.Keys;

namespace Weir.Server.Endpoints;

/// <summary>Many requests in one call: <c>POST /v1/batch</c>. What is wrong with one of them is that one's error alone.</summary>
internal sealed class BatchRequestEndpoints(InferencePipeline pipeline, ModelDirectory models, KeyLimits limits, BodyLimits bodies, TimeProvider time)
{
    private const int DefaultAtOnce = 100;

    public static void Map(IEndpointRouteBuilder app)
    {
        var services = app.ServiceProvider;
        var endpoints = new BatchRequestEndpoints(
            services.GetRequiredService<InferencePipeline>(),
            services.GetRequiredService<ModelDirectory>(),
            services.GetRequiredService<KeyLimits>(),
            services.GetRequiredService<BodyLimits>(),
            services.GetRequiredService<TimeProvider>());
        app.MapPost("/v1/batch", endpoints.ServeAsync).Requires(Role.App).Describe("Many requests in one call, answered in order.");
    }

    private async Task ServeAsync(HttpContext context)
    {
        var caller = context.GetCaller();
        var headers = context.Request.Headers;
        if (!InferenceEndpoints.TryReadHeaders(headers, caller, out var priority, out var timeout, out var wrong)
            || !InferenceEndpoints.TryReadCache(headers, out var useCache, out wrong))
        {
            await context.WriteErrorAsync(wrong);
            return;
        }

        var (read, refused) = await PooledBody.ReadAsync(context.Request.BodyReader, context.Request.ContentLength, bodies, context.RequestAborted);
        using var body = read;
        if (body is null)
        {
            await InferenceEndpoints.RefuseBodyAsync(context, refused, bodies);
            return;
        }

        var (batch, error) = BatchRequest.Read(body.Memory.Span);
        if (batch is null)
        {
            await context.WriteErrorAsync(error!);
            return;
        }

        var like = new InferenceRequest
        {
            Operation = Operation.ChatCompletions,
            Head = default,
            Body = default,
            Tenant = caller.Tenant,
            Priority = priority,
            Timeout = timeout,
            UseCache = useCache,
            Headers = InferenceEndpoints.Read(headers),
        };
        var run = new BatchRequestRun(pipeline, models, limits, time, new BatchTerms(caller, body, AtOnce(batch, body, caller), like));
        context.Response.ContentType = "application/json";
        await run.RunAsync(batch.Items, context.Response.BodyWriter, context.RequestAborted);
    }

    // No more than the narrowest provider among those that are asked takes in one batch or may have in flight: the rest would only fill
    // its queue, and past that be refused. Nor than the key may have in flight.
    private int AtOnce(BatchRequest batch, PooledBody body, Caller caller)
    {
        var names = batch.Items.Where(static item => item is { Fault: null, Body: not null })
            .Select(item => RequestHeadScanner.Scan(body.Memory.Span[item.Body!.Value], out var head) is null ? head.Model : null)
            .OfType<string>().ToHashSet(StringComparer.Ordinal);
        var widest = names.Select(name => Math.Min(models.MaxBatchOf(name) ?? DefaultAtOnce, models.MaxInFlightOf(name) ?? DefaultAtOnce)).DefaultIfEmpty(DefaultAtOnce).Min();
        return Math.Min(Math.Min(batch.MaxConcurrency ?? widest, widest), Math.Min(caller.MaxInFlight ?? BatchRequest.MostAtOnce, BatchRequest.MostAtOnce));
    }
}
