using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Routing.Balancing;

/// <summary>
/// The parts of a body that prompts share, each empty where it is not there. Found by a scan of its own, for routes that balance by them: other
/// requests do not pay for it.
/// </summary>
internal readonly ref struct PromptParts
{
    /// <summary><c>prompt_cache_key</c>.</summary>
    public ReadOnlySpan<byte> CacheKey { get; private init; }

    /// <summary><c>system</c> or <c>instructions</c>.</summary>
    public ReadOnlySpan<byte> Instructions { get; private init; }

    public ReadOnlySpan<byte> Tools { get; private init; }

    /// <summary>The list <c>messages</c> or <c>input</c>; empty too where it is no list.</summary>
    public ReadOnlySpan<byte> Messages { get; private init; }

    /// <param name="body">Has been found to be well-formed; empty where the request has none.</param>
    public static PromptParts Find(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty)
        {
            return default;
        }

        ReadOnlySpan<byte> cacheKey = default, instructions = default, tools = default, messages = default;
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestHeadScanner.MaxDepth });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("messages"u8) || reader.ValueTextEquals("input"u8))
            {
                var value = Value(ref reader, body);
                messages = value[0] == (byte)'[' ? value : messages;
            }
            else if (reader.ValueTextEquals("tools"u8))
            {
                tools = Value(ref reader, body);
            }
            else if (reader.ValueTextEquals("system"u8) || reader.ValueTextEquals("instructions"u8))
            {
                instructions = Value(ref reader, body);
            }
            else if (reader.ValueTextEquals("prompt_cache_key"u8))
            {
                cacheKey = Value(ref reader, body);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return new() { CacheKey = cacheKey, Instructions = instructions, Tools = tools, Messages = messages };
    }

    // The whole value of the property at which the reader stands.
    private static ReadOnlySpan<byte> Value(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> body)
    {
        reader.Read();
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return body[start..(int)reader.BytesConsumed];
    }
}
