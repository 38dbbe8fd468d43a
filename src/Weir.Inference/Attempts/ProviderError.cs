using System.Text;
using System.Text.Json;

namespace Weir.Inference.Attempts;

/// <summary>What a provider says in its error body.</summary>
internal readonly record struct ProviderError(string? Message, string? Type, string? Code)
{
    private const int LongestText = 4096;

    /// <summary>It came in Anthropic's shape, <c>{"type":"error","error":{…}}</c>.</summary>
    private bool IsAnthropic { get; init; }

    /// <summary>Gemini answers a bad key with 400, and so do some gateways.</summary>
    public bool SaysKeyIsInvalid =>
        Code is "invalid_api_key" or "API_KEY_INVALID"
        || (Message is not null && (Message.Contains("API key not valid", StringComparison.OrdinalIgnoreCase)
            || Message.Contains("API_KEY_INVALID", StringComparison.Ordinal)
            || Message.Contains("invalid api key", StringComparison.OrdinalIgnoreCase)
            || Message.Contains("incorrect api key", StringComparison.OrdinalIgnoreCase)
            // Anthropic's way of saying that nothing has been paid.
            || Message.Contains("credit balance is too low", StringComparison.OrdinalIgnoreCase)));

    /// <summary>Reads the usual shapes: <c>{"error":{…}}</c>, the same in a list, <c>{"error":"text"}</c>, <c>{"message":"text"}</c>, or plain text.</summary>
    public static ProviderError Parse(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty)
        {
            return default;
        }

        try
        {
            var reader = new Utf8JsonReader(body);
            using var document = JsonDocument.ParseValue(ref reader);
            var root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Array && root.GetArrayLength() > 0)
            {
                root = root[0];
            }

            if (root.ValueKind != JsonValueKind.Object)
            {
                return default;
            }

            if (!root.TryGetProperty("error", out var error))
            {
                error = root;
            }

            return error.ValueKind == JsonValueKind.Object
                ? new ProviderError(Text(error, "message"), Text(error, "type") ?? Text(error, "status"), Text(error, "code"))
                {
                    IsAnthropic = Text(root, "type") == "error",
                }
                : new ProviderError(error.ValueKind == JsonValueKind.String ? error.GetString() : null, null, null);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not JSON, or JSON whose strings are no text. A page of HTML from some proxy in between tells a person nothing.
            return body[0] == '<' ? default : new ProviderError(Encoding.UTF8.GetString(body[..Math.Min(body.Length, LongestText)]), null, null);
        }
    }

    /// <summary>The same for a client of another dialect, which cannot read the body as it came.</summary>
    /// <param name="failure">What it was read from: its message holds no secrets.</param>
    public InferenceError ToInferenceError(Failure failure) => new(failure.Status, IsTooLong ? "context_length_exceeded" : "provider_rejected", failure.Message)
    {
        ShouldRetry = false,
    };

    // Clients shorten a conversation when they read the code that OpenAI has for this; Anthropic has none.
    private bool IsTooLong => IsAnthropic && Message is not null && Message.StartsWith("prompt is too long", StringComparison.OrdinalIgnoreCase);

    /// <summary>A status that the error itself names, as some providers do inside a stream, or that its type stands for; 0 where it names none.</summary>
    public int StatusInCode => int.TryParse(Code, out var status) && status is >= 400 and < 600 ? status : StatusOfType;

    // Anthropic's types, each of which it documents with one status; in a stream there is nothing else to go by.
    private int StatusOfType => !IsAnthropic ? 0 : Type switch
    {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "api_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 0,
    };

    private static string? Text(JsonElement element, string name) =>
        !element.TryGetProperty(name, out var value) ? null : value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            _ => null,
        };
}
