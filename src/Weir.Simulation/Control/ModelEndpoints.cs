using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Simulation.Answers;

namespace Weir.Simulation.Control;

/// <summary><c>/v1/models</c>, in Anthropic's shape for clients that say <c>anthropic-version</c>.</summary>
internal static class ModelEndpoints
{
    public static void MapModels(this IEndpointRouteBuilder routes, Simulator simulator)
    {
        routes.MapGet("/v1/models", async context =>
        {
            context.Response.ContentType = "application/json";
            string[] models = [.. simulator.Settings.Models.Where(model => model != "*")];
            var shape = ShapeOf(context);
            await using var json = new Utf8JsonWriter(context.Response.BodyWriter, SimulationJson.Writer);
            json.WriteStartObject();
            if (shape == Shape.OpenAI)
                json.WriteString("object", "list");
            json.WriteStartArray("data");
            foreach (var model in models)
                WriteModel(json, model, shape);
            json.WriteEndArray();
            if (shape == Shape.Anthropic)
            {
                json.WriteBoolean("has_more", false);
                json.WriteString("first_id", models.FirstOrDefault());
                json.WriteString("last_id", models.LastOrDefault());
            }

            json.WriteEndObject();
            await json.FlushAsync(context.RequestAborted);
        });
        routes.MapGet("/v1/models/{**model}", async context =>
        {
            var model = (string)context.GetRouteValue("model")!;
            if (!simulator.Settings.Serves(model))
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                await ErrorBody.WriteAsync(context.Response, Rejection.UnknownModel(model), context.RequestAborted, ShapeOf(context));
                return;
            }

            context.Response.ContentType = "application/json";
            await using var json = new Utf8JsonWriter(context.Response.BodyWriter, SimulationJson.Writer);
            WriteModel(json, model, ShapeOf(context));
            await json.FlushAsync(context.RequestAborted);
        });
    }

    private static Shape ShapeOf(HttpContext context) => context.Request.Headers.ContainsKey("anthropic-version") ? Shape.Anthropic : Shape.OpenAI;

    private static void WriteModel(Utf8JsonWriter json, string model, Shape shape)
    {
        json.WriteStartObject();
        json.WriteString("id", model);
        if (shape == Shape.Anthropic)
        {
            json.WriteString("type", "model");
            json.WriteString("display_name", model);
            json.WriteString("created_at", "1970-01-01T00:00:00Z");
            json.WriteString("lifecycle", "active");
            foreach (var unknown in (ReadOnlySpan<string>)["capabilities", "line", "max_input_tokens", "max_tokens", "deprecated_at", "retires_at"])
                json.WriteNull(unknown);
        }
        else
        {
            json.WriteString("object", "model");
            json.WriteNumber("created", 0);
            json.WriteString("owned_by", "simulated");
        }

        json.WriteEndObject();
    }
}
