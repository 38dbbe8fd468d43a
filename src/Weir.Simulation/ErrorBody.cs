using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Simulation.Answers;

namespace Weir.Simulation;

/// <summary>Whose errors and headers a path has.</summary>
internal enum Shape
{
    OpenAI,
    Anthropic,
}

/// <summary>The error objects of both.</summary>
internal static class ErrorBody
{
    public static async Task WriteAsync(HttpResponse response, Rejection rejection, CancellationToken cancellationToken, Shape shape = Shape.OpenAI)
    {
        response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(response.BodyWriter, SimulationJson.Writer);
        json.WriteStartObject();
        if (shape == Shape.Anthropic)
            json.WriteString("type"u8, "error"u8);
        json.WriteStartObject("error"u8);
        if (shape == Shape.Anthropic)
            json.WriteString("type"u8, AnthropicType(rejection.Status));
        json.WriteString("message"u8, rejection.Message);
        if (shape == Shape.OpenAI)
        {
            json.WriteString("type"u8, rejection.Type);
            json.WriteString("param"u8, rejection.Param);
            json.WriteString("code"u8, rejection.Code);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        await json.FlushAsync(cancellationToken);
    }

    private static string AnthropicType(int status) => status switch
    {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };
}
