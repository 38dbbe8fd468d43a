using System.Globalization;
using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Relay;
using Weir.Retrieval;

namespace Weir.Server.Retrieval;

/// <summary>What became of a request to a route that gave no vectors, in retrieval's words: status, code and when to come back are kept.</summary>
internal static class RoutedRefusal
{
    private const int LongestMessage = 1_000;

    /// <summary>Null where there is an answer to read.</summary>
    public static RetrievalError? Of(InferenceReport report, BufferedAnswer answer, string route)
    {
        if (report.Error is { } error)
        {
            // What is at fault is named in a request that the asker has not seen.
            return error.ToRetrievalError() with { Param = null };
        }

        if (answer.IsTooLarge)
        {
            return Broken(route, "its answer is too large");
        }

        return answer.Head is not { } head || answer.IsAborted ? Broken(route, "it broke off")
            : head.Status is >= 200 and < 300 ? null
            : OfProvider(head, answer.Content, route);
    }

    public static RetrievalError Broken(string route, string what) => new(502, "provider_broken", $"'{route}' gave no embeddings: {what}.");

    /// <summary>It answered, and not with what can be used.</summary>
    public static RetrievalError Bad(string route, string what) => new(502, "bad_embeddings", $"The embeddings of '{route}' cannot be used: {what}.");

    /// <summary>The provider does not know <c>encoding_format</c>, and says so.</summary>
    public static bool IsOfFormat(InferenceReport report, BufferedAnswer answer) =>
        report.Error is null && answer.Head is { Status: 400 or 422 } && answer.Content.Span.IndexOf("encoding_format"u8) >= 0;

    private static RetrievalError OfProvider(in AnswerHead head, ReadOnlyMemory<byte> body, string route)
    {
        var (message, code) = Read(body);
        return new RetrievalError(head.Status, code ?? "provider_rejected", message ?? $"'{route}' answered {head.Status}.")
        {
            RetryAfter = RetryAfterOf(head),
            ShouldRetry = ShouldRetryOf(head),
        };
    }

    private static TimeSpan? RetryAfterOf(in AnswerHead head)
    {
        foreach (var (name, value) in head.Passed ?? [])
        {
            if (name == "retry-after" && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            {
                return TimeSpan.FromSeconds(seconds);
            }
        }

        return null;
    }

    private static bool? ShouldRetryOf(in AnswerHead head)
    {
        foreach (var (name, value) in head.Passed ?? [])
        {
            if (name == "x-should-retry")
            {
                return value == "true" ? true : value == "false" ? false : null;
            }
        }

        return null;
    }

    private static (string? Message, string? Code) Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("error", out var error)
                ? (error.ValueKind == JsonValueKind.Object ? Text(error, "message") : Text(root, "error"), error.ValueKind == JsonValueKind.Object ? Text(error, "code") : null)
                : default;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text[..Math.Min(text.Length, LongestMessage)]
            : null;
}
