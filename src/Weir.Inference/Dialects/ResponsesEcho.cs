using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>What a response tells back of its request: every field that the API has, as it was given, else its default.</summary>
internal sealed class ResponsesEcho
{
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _given = new(StringComparer.Ordinal);

    /// <param name="request">The client's body, well-formed, valid for as long as this is used.</param>
    public ResponsesEcho(ReadOnlyMemory<byte> request)
    {
        var reader = new Utf8JsonReader(request.Span, new JsonReaderOptions { MaxDepth = DialectJson.Reading.MaxDepth });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = NameOf(ref reader);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            var isNull = reader.TokenType == JsonTokenType.Null;
            reader.Skip();
            if (name is not null && !isNull)
            {
                _given[name] = request[start..(int)reader.BytesConsumed];
            }
        }

        WantsSummary = _given.TryGetValue("reasoning", out var reasoning) && AsksForSummary(reasoning);
    }

    /// <summary>The client asked for summaries of the reasoning: it reads them where a client that did not looks for the reasoning itself.</summary>
    public bool WantsSummary { get; }

    /// <summary>Writes the fields into a response that has been begun.</summary>
    public void Write(Utf8JsonWriter writer, string? tier)
    {
        Write(writer, "instructions", "null"u8);
        Write(writer, "max_output_tokens", "null"u8);
        Write(writer, "metadata", "{}"u8);
        Write(writer, "parallel_tool_calls", "true"u8);
        writer.WriteNull("previous_response_id"u8);
        Write(writer, "prompt_cache_key", "null"u8);
        Write(writer, "reasoning", """{"effort":null,"summary":null}"""u8);
        Write(writer, "safety_identifier", "null"u8);
        if (tier is "auto" or "default" or "flex" or "scale" or "priority")
        {
            writer.WriteString("service_tier"u8, tier);
        }
        else
        {
            Write(writer, "service_tier", "\"default\""u8);
        }

        writer.WriteBoolean("store"u8, false);
        Write(writer, "temperature", "null"u8);
        Write(writer, "text", """{"format":{"type":"text"}}"""u8);
        Write(writer, "tool_choice", "\"auto\""u8);
        Write(writer, "tools", "[]"u8);
        Write(writer, "top_p", "null"u8);
        Write(writer, "truncation", "\"disabled\""u8);
        Write(writer, "user", "null"u8);
    }

    private void Write(Utf8JsonWriter writer, string name, ReadOnlySpan<byte> otherwise)
    {
        writer.WritePropertyName(name);
        writer.WriteRawValue(_given.TryGetValue(name, out var given) ? given.Span : otherwise, skipInputValidation: true);
    }

    private static bool AsksForSummary(ReadOnlyMemory<byte> reasoning)
    {
        using var document = JsonDocument.Parse(reasoning, DialectJson.Reading);
        return document.RootElement.Find("summary"u8) is not null || document.RootElement.Find("generate_summary"u8) is not null;
    }

    // Null for what is not told back, among it whatever is large.
    private static string? NameOf(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("instructions"u8) ? "instructions"
        : reader.ValueTextEquals("max_output_tokens"u8) ? "max_output_tokens"
        : reader.ValueTextEquals("metadata"u8) ? "metadata"
        : reader.ValueTextEquals("parallel_tool_calls"u8) ? "parallel_tool_calls"
        : reader.ValueTextEquals("prompt_cache_key"u8) ? "prompt_cache_key"
        : reader.ValueTextEquals("reasoning"u8) ? "reasoning"
        : reader.ValueTextEquals("safety_identifier"u8) ? "safety_identifier"
        : reader.ValueTextEquals("service_tier"u8) ? "service_tier"
        : reader.ValueTextEquals("temperature"u8) ? "temperature"
        : reader.ValueTextEquals("text"u8) ? "text"
        : reader.ValueTextEquals("tool_choice"u8) ? "tool_choice"
        : reader.ValueTextEquals("tools"u8) ? "tools"
        : reader.ValueTextEquals("top_p"u8) ? "top_p"
        : reader.ValueTextEquals("truncation"u8) ? "truncation"
        : reader.ValueTextEquals("user"u8) ? "user"
        : null;
}
