using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Weir.Simulation.Answers;
using Weir.Simulation.Control;
using Weir.Simulation.Dialects;

namespace Weir.Simulation;

/// <summary>
/// A provider that speaks OpenAI's dialect and Anthropic's, and misbehaves as told: an honest double for demonstrations, tests and benchmarks,
/// which says in every answer that it is simulated. It is a server of its own; a gateway reaches it over HTTP like any other.
/// </summary>
public static class SimulatedProvider
{
    private const long MaxBody = 64 * 1024 * 1024;

    /// <summary>
    /// A server that is built and not started. Once started, its address stands in <see cref="WebApplication.Urls"/> and its
    /// <c>base_url</c> is that and <c>/v1</c>.
    /// </summary>
    /// <param name="options">The settings it starts with.</param>
    /// <param name="url">Where it listens; port 0 takes a free one.</param>
    /// <param name="time">What latencies, paces and limits are reckoned with; null for the system's clock.</param>
    /// <exception cref="ArgumentException">The settings have faults; the message names them all.</exception>
    public static WebApplication Build(SimulationOptions options, string url = "http://127.0.0.1:0", TimeProvider? time = null)
    {
        if (options.Validate() is { Count: > 0 } faults)
            throw new ArgumentException(string.Join(" ", faults), nameof(options));

        // Empty: it may stand in a process whose environment, settings files and signals are meant for another server.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = typeof(SimulatedProvider).Assembly.GetName().Name });
        builder.WebHost.UseKestrelCore().UseUrls(url).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBody;
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, OwnersLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));

        var app = builder.Build();
        var simulator = new Simulator(options, time ?? TimeProvider.System);
        var stored = new StoredResponses();
        app.UseRouting();
        Map(app, "/v1/chat/completions", new ChatDialect());
        Map(app, "/v1/completions", new CompletionDialect());
        Map(app, "/v1/embeddings", new EmbeddingDialect());
        Map(app, "/v1/responses", new ResponseDialect(stored));
        Map(app, "/v1/messages", new MessagesDialect());
        Map(app, "/v1/messages/count_tokens", new CountTokensDialect());
        app.MapResponses(stored);
        app.MapModels(simulator);
        app.MapControl(simulator);
        app.MapFallback(context =>
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            var rejection = new Rejection(404, $"Invalid URL ({context.Request.Method} {context.Request.Path})", "invalid_request_error");
            return ErrorBody.WriteAsync(context.Response, rejection, context.RequestAborted);
        });
        return app;

        void Map(WebApplication to, string path, Dialect dialect) =>
            to.MapPost(path, context => new Exchange(context, simulator, dialect, to.Lifetime.ApplicationStopping).RunAsync());
    }

    private static void MapResponses(this IEndpointRouteBuilder routes, StoredResponses stored)
    {
        routes.MapGet("/v1/responses/{id}", async context =>
        {
            if (!stored.TryGet((string)context.GetRouteValue("id")!, out var response))
            {
                await NotFoundAsync(context);
                return;
            }

            context.Response.ContentType = "application/json";
            context.Response.ContentLength = response.Length;
            await context.Response.Body.WriteAsync(response, context.RequestAborted);
        });
        routes.MapDelete("/v1/responses/{id}", async context =>
        {
            var id = (string)context.GetRouteValue("id")!;
            if (!stored.Remove(id))
            {
                await NotFoundAsync(context);
                return;
            }

            await context.Response.WriteAsJsonAsync(new { id, @object = "response", deleted = true }, context.RequestAborted);
        });
        routes.MapPost("/v1/responses/{id}/cancel", context =>
        {
            var rejection = stored.TryGet((string)context.GetRouteValue("id")!, out _)
                ? Rejection.Invalid("Only responses made with background set to true can be cancelled.")
                : null;
            if (rejection is null)
                return NotFoundAsync(context);
            context.Response.StatusCode = rejection.Status;
            return ErrorBody.WriteAsync(context.Response, rejection, context.RequestAborted);
        });
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        var rejection = new Rejection(404, $"Response with id '{context.GetRouteValue("id")}' not found.", "invalid_request_error");
        return ErrorBody.WriteAsync(context.Response, rejection, context.RequestAborted);
    }

    /// <summary>Signals belong to whoever hosts it: `up` must drain its gateway first.</summary>
    private sealed class OwnersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
