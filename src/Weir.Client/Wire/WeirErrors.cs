using System.Text.Json;

namespace Weir.Client.Wire;

/// <summary>Reads what an answer says of a failure: RFC 9457's problem, or OpenAI's error.</summary>
internal static class WeirErrors
{
    private const int LongestError = 64 * 1024;

    public static async Task<WeirException> ReadAsync(HttpResponseMessage response, TimeProvider time, CancellationToken cancellationToken)
    {
        var (message, code, param) = await ReadBodyAsync(response, cancellationToken).ConfigureAwait(false);
        return new WeirException(message ?? $"Weir answered {(int)response.StatusCode} {response.ReasonPhrase}.")
        {
            Status = response.StatusCode,
            Code = code ?? "unknown",
            Param = param,
            RetryAfter = RetryAfter(response, time),
            RequestId = response.Headers.TryGetValues("x-request-id", out var ids) ? ids.FirstOrDefault() : null,
        };
    }

    /// <summary>What an event of a stream says.</summary>
    public static WeirException Of(string? message, string? code) => new(message ?? "The ingest failed.") { Code = code ?? "unknown" };

    private static async Task<(string? Message, string? Code, string? Param)> ReadBodyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(LongestError, cancellationToken).ConfigureAwait(false);
            using var json = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false));
            var body = json.RootElement;
            if (body.ValueKind is JsonValueKind.Object && body.TryGetProperty("error", out var error) && error.ValueKind is JsonValueKind.Object)
                return (Text(error, "message"), Text(error, "code") ?? Text(error, "type"), Text(error, "param"));
            return body.ValueKind is JsonValueKind.Object ? (Text(body, "detail") ?? Text(body, "title"), Text(body, "code"), Text(body, "param")) : default;
        }
        catch (Exception exception) when (exception is JsonException or HttpRequestException or IOException)
        {
            // Something between here and Weir answered, at length or not in JSON: its status has to do.
            return default;
        }
    }

    private static string? Text(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    private static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time)
    {
        var said = response.Headers.RetryAfter;
        var wait = said?.Delta ?? (said?.Date is { } date ? date - time.GetUtcNow() : null);
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }
}
