using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Server.Errors;
using Weir.State.Texts;

namespace Weir.Server.Hosting;

/// <summary>Reads and writes Weir's own JSON bodies; a body that does not fit is a value, not an exception.</summary>
internal static class JsonBody
{
    /// <param name="request">Whose body it is.</param>
    /// <param name="takes">From the path of a field to a sentence that says what it takes, for one of another type. Null, or from a path: that there is another type is all that is said.</param>
    /// <returns>The body, or what is wrong with it; exactly one is null.</returns>
    public static async ValueTask<(T? Body, ApiError? Error)> ReadJsonAsync<T>(this HttpRequest request, Func<string, string?>? takes = null)
        where T : class
    {
        if (!request.HasJsonContentType())
            return (null, new ApiError(415, "content_type", "The body must be JSON: send 'Content-Type: application/json'."));

        try
        {
            var body = await JsonSerializer.DeserializeAsync<T>(request.Body, WireJson.Bodies, request.HttpContext.RequestAborted);
            return body is null ? (null, ApiError.Malformed("The body is null; it must be an object.")) : (body, null);
        }
        catch (JsonException fault)
        {
            var path = fault.Path is { Length: > 2 } p && p.StartsWith("$.", StringComparison.Ordinal) ? p[2..] : null;
            var place = fault.LineNumber is { } line ? $" at line {line + 1}, byte {fault.BytePositionInLine + 1}" : "";
            if (fault is NoTextException { Fault: var within })
                return (null, Strange(within with { Path = Joined(path, within.Path) }));
            if (ForeignJson.NoTextOf(fault) is { } noText)
                return (null, Strange(new JsonFault(JsonFaultSort.NoText, path ?? "", noText)));
            if (ForeignJson.IsTooDeep(fault))
                return (null, Strange(ForeignJson.TooDeep(WireJson.MostLevels, path ?? "")));
            // What the JSON itself breaks has its reader's fault inside, and says nothing about the field.
            var isBroken = fault.InnerException is JsonException;
            if (isBroken && EndsTooEarly(fault))
                return (null, ApiError.Malformed($"The body's JSON ends too early{place}: the body was cut off, or something in it is not closed."));
            if (path is not null && !isBroken && takes?.Invoke(path) is { } sentence)
                return (null, ApiError.Malformed(sentence, path));
            // Said in our own words: the serializer's name types of the program.
            var message = fault.Message.Contains("could not be mapped to any .NET member", StringComparison.Ordinal)
                ? $"The body has a field that is not known here{(path is null ? "" : $": {path}")}{place}."
                : $"The body is not the JSON that is expected{(path is null ? "" : $": {path} {(isBroken ? "is not valid JSON" : "has the wrong type")}")}{place}.";
            return (null, ApiError.Malformed(message, path));
        }
    }

    private static string Joined(string? path, string inner) => path is null ? inner : inner.Length == 0 ? path : inner[0] == '[' ? path + inner : $"{path}.{inner}";

    private static ApiError Strange(JsonFault fault) => ApiError.Malformed(fault.SentenceOf("The body"), fault.Path.Length == 0 ? null : fault.Path);

    // The reader has no other sign of it than its messages; an empty body has no tokens.
    private static bool EndsTooEarly(JsonException fault) =>
        fault.Message.Contains("end of data", StringComparison.Ordinal) || fault.Message.Contains("Expected depth to be zero", StringComparison.Ordinal)
        || fault.Message.Contains("does not contain any JSON tokens", StringComparison.Ordinal) || fault.Message.Contains("is an incomplete", StringComparison.Ordinal);

    public static Task WriteJsonAsync<T>(this HttpResponse response, T body, int status = 200)
    {
        response.StatusCode = status;
        response.ContentType = "application/json";
        return JsonSerializer.SerializeAsync(response.Body, body, WireJson.Options, response.HttpContext.RequestAborted);
    }
}
