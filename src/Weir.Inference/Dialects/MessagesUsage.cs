using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// Tokens as Anthropic counts them: what a prompt cache had or got stands beside the input, where a chat counts it within. Zero where
/// the provider does not say.
/// </summary>
internal readonly record struct MessagesUsage(long Input, long CacheRead, long CacheWrite, long Output, long Thinking)
{
    /// <summary>Finds the usage of an answer or of a chunk; null where it has none.</summary>
    public static MessagesUsage? Find(JsonElement answer)
    {
        if (answer.TryGetProperty("usage"u8, out var usage) && usage.ValueKind == JsonValueKind.Object)
            return Read(usage);
        // Groq's place for it in streams.
        return answer.TryGetProperty("x_groq"u8, out var groq) && groq.ValueKind == JsonValueKind.Object
            && groq.TryGetProperty("usage"u8, out usage) && usage.ValueKind == JsonValueKind.Object ? Read(usage) : null;
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("input_tokens"u8, Input);
        json.WriteNumber("cache_creation_input_tokens"u8, CacheWrite);
        json.WriteNumber("cache_read_input_tokens"u8, CacheRead);
        json.WriteNumber("output_tokens"u8, Output);
        if (Thinking > 0)
        {
            json.WriteStartObject("output_tokens_details"u8);
            json.WriteNumber("thinking_tokens"u8, Thinking);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static MessagesUsage Read(JsonElement usage)
    {
        var prompt = Count(usage, "prompt_tokens"u8);
        var (read, written) = (0L, 0L);
        if (usage.TryGetProperty("prompt_tokens_details"u8, out var details) && details.ValueKind == JsonValueKind.Object)
        {
            read = Count(details, "cached_tokens"u8);
            // OpenRouter's name.
            written = Count(details, "cache_write_tokens"u8);
        }

        // DeepSeek's name; then those of gateways that keep Anthropic's figures, which count within the prompt too.
        read = Math.Max(read, Math.Max(Count(usage, "prompt_cache_hit_tokens"u8), Count(usage, "cache_read_input_tokens"u8)));
        written = Math.Max(written, Count(usage, "cache_creation_input_tokens"u8));
        read = Math.Min(read, prompt);
        written = Math.Min(written, prompt - read);
        var thinking = usage.TryGetProperty("completion_tokens_details"u8, out details) && details.ValueKind == JsonValueKind.Object
            ? Count(details, "reasoning_tokens"u8)
            : 0;
        return new(prompt - read - written, read, written, Count(usage, "completion_tokens"u8), thinking);
    }

    private static long Count(JsonElement from, ReadOnlySpan<byte> name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var count) ? Math.Max(0, count) : 0;
}
