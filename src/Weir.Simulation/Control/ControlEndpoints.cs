using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Weir.Simulation.Control;

/// <summary><c>/sim/settings</c> and <c>/sim/stats</c>: what no real provider has.</summary>
internal static class ControlEndpoints
{
    public static void MapControl(this IEndpointRouteBuilder routes, Simulator simulator)
    {
        routes.MapGet("/sim/settings", context => WriteSettingsAsync(context, simulator));
        routes.MapPut("/sim/settings", context => PutSettingsAsync(context, simulator));
        routes.MapGet("/sim/stats", async context =>
        {
            context.Response.ContentType = "application/json";
            await using var json = new Utf8JsonWriter(context.Response.BodyWriter, SimulationJson.Writer);
            simulator.Stats.Write(json, prompts: context.Request.Query["prompts"] == "true");
            await json.FlushAsync(context.RequestAborted);
        });
        routes.MapDelete("/sim/stats", context =>
        {
            simulator.Stats.Reset();
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
    }

    private static Task WriteSettingsAsync(HttpContext context, Simulator simulator)
    {
        // The key is a secret even here: it is shown as set or not.
        var shown = simulator.Settings with { ApiKey = simulator.Settings.ApiKey is null ? null : "…" };
        return context.Response.WriteAsJsonAsync(shown, SimulationJson.Options, context.RequestAborted);
    }

    private static async Task PutSettingsAsync(HttpContext context, Simulator simulator)
    {
        try
        {
            var changes = await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted) as JsonObject
                ?? throw new JsonException("The settings are a JSON object.");
            var faults = simulator.Change(current => SimulationJson.Overlay(current, changes), restart: changes.ContainsKey("seed"));
            if (faults.Count == 0)
                await WriteSettingsAsync(context, simulator);
            else
                await RefuseAsync(context, string.Join(" ", faults));
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or ArgumentException)
        {
            await RefuseAsync(context, fault.Message);
        }
    }

    private static Task RefuseAsync(HttpContext context, string detail)
    {
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        return context.Response.WriteAsJsonAsync(
            new { type = "about:blank", title = "These settings cannot be used", status = 400, detail, code = "invalid_settings" },
            options: null,
            "application/problem+json",
            context.RequestAborted);
    }
}
