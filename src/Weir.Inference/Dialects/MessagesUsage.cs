using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// Tokens as Anthropic counts them: what a prompt cache had or got stands beside the input, where a chat counts it within. Zero where
/// the provider does not say.
/// </summary>
internal readonly record struct MessagesUsage(long Input, long CacheRead, long CacheWrite, long Output, long Thinking)
{
    /// <summary>Finds the usage of an answer or of a chunk; null where it has none.</summary>
    public static MessagesUsage? Find(JsonElement answer) =>
        // In streams, Groq has a place of its own for it.
        (answer.Find("usage"u8) ?? answer.Find("x_groq"u8)?.Find("usage"u8)) is { ValueKind: JsonValueKind.Object } usage ? Read(usage) : null;

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("input_tokens"u8, Input);
        json.WriteNumber("cache_creation_input_tokens"u8, CacheWrite);
        json.WriteNumber("cache_read_input_tokens"u8, CacheRead);
        json.WriteNumber("output_tokens"u8, Output);
        json.WritePropertyName("output_tokens_details"u8);
        if (Thinking > 0)
        {
            json.WriteStartObject();
            json.WriteNumber("thinking_tokens"u8, Thinking);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNullValue();
        }

        json.WriteNull("cache_creation"u8);
        json.WriteNull("inference_geo"u8);
        json.WriteNull("server_tool_use"u8);
        json.WriteNull("service_tier"u8);
        json.WriteNull("speed"u8);
        json.WriteEndObject();
    }

    private static MessagesUsage Read(JsonElement usage)
    {
        var prompt = usage.CountOf("prompt_tokens"u8);
        var details = usage.Find("prompt_tokens_details"u8) ?? default;
        // DeepSeek's name, and that of gateways that keep Anthropic's figures, which count within the prompt too.
        var read = Math.Max(details.CountOf("cached_tokens"u8), Math.Max(usage.CountOf("prompt_cache_hit_tokens"u8), usage.CountOf("cache_read_input_tokens"u8)));
        // OpenRouter's name, and theirs again.
        var written = Math.Max(details.CountOf("cache_write_tokens"u8), usage.CountOf("cache_creation_input_tokens"u8));
        read = Math.Min(read, prompt);
        written = Math.Min(written, prompt - read);
        var thinking = usage.Find("completion_tokens_details"u8)?.CountOf("reasoning_tokens"u8) ?? 0;
        return new(prompt - read - written, read, written, usage.CountOf("completion_tokens"u8), thinking);
    }
}
