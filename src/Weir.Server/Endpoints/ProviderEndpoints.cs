using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Inference.Providers;
using Weir.Inference.Status;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Providers;

namespace Weir.Server.Endpoints;

/// <summary>Live state of providers and routes, and what an operator may do to a provider.</summary>
internal static class ProviderEndpoints
{
    public static void MapProviders(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/providers", ReadProviders).Requires(Role.Any)
            .Describe("Each provider as this replica sees it: keys, limits, breakers, latency, outcomes.", typeof(ListOf<ProviderStatus>));
        app.MapGet("/v1/routes", ReadRoutes).Requires(Role.Any)
            .Describe("Each route that this key may use, and its deployments.", typeof(ListOf<RouteStatus>));
        app.MapPost("/v1/providers/{name}/reset", ResetAsync).Requires(Role.Admin)
            .Describe("Closes a provider's breakers; forgets refused keys and the pauses that it asked for.", typeof(ProviderOrder));
        app.MapPost("/v1/providers/{name}/pause", PauseAsync).Requires(Role.Admin)
            .Describe("Takes a provider out of use, at once or after those who wait for it. Streams under way are never cut.", typeof(ProviderOrder), body: typeof(PauseRequest), isBodyOptional: true)
            .Query("drain", "true: those who wait for the provider still go there. Default: false.");
        app.MapPost("/v1/providers/{name}/resume", ResumeAsync).Requires(Role.Admin)
            .Describe("Takes a paused provider back into use.", typeof(ProviderOrder));
    }

    private static Task ReadProviders(HttpContext context) =>
        context.Response.WriteJsonAsync(new ListOf<ProviderStatus>(context.Service<GatewayStatus>().ReadProviders(Visible(context))));

    private static Task ReadRoutes(HttpContext context) =>
        context.Response.WriteJsonAsync(new ListOf<RouteStatus>(context.Service<GatewayStatus>().ReadRoutes(Visible(context))));

    private static Func<string, bool>? Visible(HttpContext context) => context.GetCaller() is { HasAllRoutes: false } caller ? caller.MayUse : null;

    private static Task ResetAsync(HttpContext context) =>
        OrderAsync(context, "reset", static (desk, name, by, stop) => desk.ResetAsync(name, by, stop));

    private static Task ResumeAsync(HttpContext context) =>
        OrderAsync(context, "resumed", static (desk, name, by, stop) => desk.ResumeAsync(name, by, stop));

    private static async Task PauseAsync(HttpContext context)
    {
        var drain = false;
        if (context.Request.Query.TryGetValue("drain", out var asked) && !bool.TryParse(asked, out drain))
        {
            await context.WriteErrorAsync(ApiError.Malformed("drain takes true or false.", "drain"));
            return;
        }

        if (context.Request.ContentLength is > 0 || context.Request.Headers.ContainsKey("Transfer-Encoding"))
        {
            var (body, error) = await context.Request.ReadJsonAsync<PauseRequest>();
            if (error is not null)
            {
                await context.WriteErrorAsync(error);
                return;
            }

            drain = body!.Drain ?? drain;
        }

        await OrderAsync(context, "paused", (desk, name, by, stop) => desk.PauseAsync(name, drain, by, stop));
    }

    private static async Task OrderAsync(HttpContext context, string state, Func<ProviderDesk, string, string, CancellationToken, Task<bool>> order)
    {
        var name = (string)context.GetRouteValue("name")!;
        if (!context.Service<ProviderControl>().Has(name))
        {
            await context.WriteErrorAsync(ApiError.NotFound("The configuration has no provider of that name; GET /v1/providers lists them.", "provider_not_found"));
            return;
        }

        var shared = await order(context.Service<ProviderDesk>(), name, context.GetCaller().KeyId, context.RequestAborted);
        await context.Response.WriteJsonAsync(new ProviderOrder(name, state, shared)
        {
            Pause = context.Service<ProviderSwitchboard>().RecordOf(name).Pause,
            Note = shared ? null : "The state store did not take the order: it holds on this replica alone, until the store has a newer one or the replica restarts. Repeat it when the store is back.",
        });
    }
}

/// <param name="Drain">Let those who wait for the provider still go there. Default false: they go elsewhere, or get 503.</param>
internal sealed record PauseRequest(bool? Drain = null);

/// <summary>What has become of an order for a provider.</summary>
/// <param name="Provider">Its name.</param>
/// <param name="State">paused, resumed or reset.</param>
/// <param name="Shared">Every replica follows; false: only this one.</param>
internal sealed record ProviderOrder(string Provider, string State, bool Shared)
{
    /// <summary>As it stands now. Null: in use.</summary>
    public PauseRecord? Pause { get; init; }

    /// <summary>What to do where not every replica follows.</summary>
    public string? Note { get; init; }
}
