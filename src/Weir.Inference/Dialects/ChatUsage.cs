using System.Text.Json;
using Weir.Inference.Relay;

namespace Weir.Inference.Dialects;

/// <summary>Tokens as the chat API tells them: what a prompt cache had is within the prompt.</summary>
internal static class ChatUsage
{
    public static void Write(Utf8JsonWriter json, in TokenUsage usage)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, usage.Input);
        json.WriteNumber("completion_tokens"u8, usage.Output);
        json.WriteNumber("total_tokens"u8, usage.Total);
        json.WriteStartObject("prompt_tokens_details"u8);
        json.WriteNumber("cached_tokens"u8, usage.CachedInput);
        if (usage.CacheWrite > 0)
        {
            json.WriteNumber("cache_write_tokens"u8, usage.CacheWrite);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Reads Anthropic's, which counts what its cache had beside the input.</summary>
    public static TokenUsage Read(JsonElement usage)
    {
        var cached = usage.CountOf("cache_read_input_tokens"u8);
        var written = usage.CountOf("cache_creation_input_tokens"u8);
        return new TokenUsage(usage.CountOf("input_tokens"u8) + cached + written, usage.CountOf("output_tokens"u8))
        {
            CachedInput = cached,
            CacheWrite = written,
        };
    }
}
