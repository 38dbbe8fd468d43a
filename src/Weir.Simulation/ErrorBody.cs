using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Simulation.Answers;

namespace Weir.Simulation;

/// <summary>OpenAI's error object.</summary>
internal static class ErrorBody
{
    public static async Task WriteAsync(HttpResponse response, Rejection rejection, CancellationToken cancellationToken)
    {
        response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(response.BodyWriter, SimulationJson.Writer);
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, rejection.Message);
        json.WriteString("type"u8, rejection.Type);
        json.WriteString("param"u8, rejection.Param);
        json.WriteString("code"u8, rejection.Code);
        json.WriteEndObject();
        json.WriteEndObject();
        await json.FlushAsync(cancellationToken);
    }
}
