using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>The fields of a chat request as Anthropic has them.</summary>
internal sealed class ChatRequest(JsonElement body, TranslationTarget target, Utf8JsonWriter json, TranslationFaults faults)
{
    // Anthropic's own, which clients of the chat API may send too.
    private static readonly string[] Anthropics =
        ["top_k", "cache_control", "container", "context_management", "mcp_servers", "inference_geo"];

    /// <summary>Whether a field is dealt with here, or by what this uses.</summary>
    public static bool Knows(string field) => field is
        "model" or "messages" or "stream" or "stream_options" or "max_tokens" or "max_completion_tokens" or "stop" or "temperature" or "top_p"
        or "tools" or "tool_choice" or "parallel_tool_calls" or "response_format" or "output_config" or "thinking" or "reasoning_effort"
        or "user" or "safety_identifier" or "metadata" or "service_tier"
        || Anthropics.Contains(field, StringComparer.Ordinal);

    public void Write()
    {
        json.WriteStartObject();
        json.WriteString("model"u8, target.Model);
        var most = MaxTokens();
        json.WriteNumber("max_tokens"u8, most);
        if (Find("messages"u8) is { ValueKind: JsonValueKind.Array } messages)
        {
            new ChatConversation(json, faults).Write(messages);
        }
        else
        {
            faults.Malformed("messages", "an array of messages");
        }

        if (Find("stream"u8) is { ValueKind: JsonValueKind.True })
        {
            json.WriteBoolean("stream"u8, true);
        }

        var tools = new ChatTools(body, json, faults);
        tools.Write();
        var model = new ClaudeModel(target.Model);
        var thinking = new ChatThinking(body, model, json, faults);
        var thinks = thinking.Write(most, tools.IsForced);
        Sampling(thinks, model.HasFixedSampling);
        Stop();
        Output(thinking.Effort);
        User();
        ServiceTier();
        foreach (var name in Anthropics)
        {
            if (body.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
            {
                json.WritePropertyName(name);
                json.Copy(value);
            }
        }

        ChatLosses.Check(body, faults);
        json.WriteEndObject();
    }

    private JsonElement? Find(ReadOnlySpan<byte> name) => body.Find(name);

    private long MaxTokens()
    {
        var name = Find("max_completion_tokens"u8) is null ? "max_tokens" : "max_completion_tokens";
        if (!body.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            // A budget of thinking counts within, and Anthropic refuses one that leaves nothing for the answer.
            var budget = Find("thinking"u8)?.CountOf("budget_tokens"u8) ?? 0;
            return budget < target.MaxOutput ? target.MaxOutput : budget + target.MaxOutput;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var most) && most > 0)
        {
            return most;
        }

        faults.Malformed(name, "a whole number over 0");
        return target.MaxOutput;
    }

    private void Sampling(bool thinks, bool isFixed)
    {
        if (Find("temperature"u8) is { } temperature)
        {
            if (temperature.ValueKind != JsonValueKind.Number || !temperature.TryGetDouble(out var heat))
            {
                faults.Malformed("temperature", "a number");
            }
            else if (heat > 1)
            {
                faults.Cannot("temperature", "Anthropic takes 0 to 1, and what is over 1 has no counterpart.");
            }
            else if (isFixed && heat < 1)
            {
                faults.Cannot("temperature", "this model takes none but 1.");
            }
            else if (thinks && heat < 1)
            {
                faults.Cannot("temperature", "while it thinks, Anthropic takes 1 alone.");
            }
            else
            {
                json.Copy("temperature"u8, temperature);
            }
        }

        if (Find("top_p"u8) is { } share)
        {
            if (share.ValueKind != JsonValueKind.Number || !share.TryGetDouble(out var p))
            {
                faults.Malformed("top_p", "a number");
            }
            else if (isFixed && p < 1)
            {
                faults.Cannot("top_p", "this model takes none but 1.");
            }
            else if (thinks && p < 0.95)
            {
                faults.Cannot("top_p", "while it thinks, Anthropic takes 0.95 to 1.");
            }
            else
            {
                json.Copy("top_p"u8, share);
            }
        }
    }

    private void Stop()
    {
        if (Find("stop"u8) is not { } stop)
        {
            return;
        }

        if (stop.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
        {
            faults.Malformed("stop", "a text or an array of texts");
            return;
        }

        json.WriteStartArray("stop_sequences"u8);
        if (stop.ValueKind == JsonValueKind.String)
        {
            StopSequence(stop);
        }
        else
        {
            foreach (var one in stop.EnumerateArray())
            {
                StopSequence(one);
            }
        }

        json.WriteEndArray();
    }

    private void StopSequence(JsonElement text)
    {
        if (text.ValueKind != JsonValueKind.String)
        {
            faults.Malformed("stop", "a text or an array of texts");
        }
        else if (DialectJson.IsBlank(text))
        {
            faults.Cannot("stop", "Anthropic takes no stop sequence of blanks alone.");
        }
        else
        {
            json.Copy(text);
        }
    }

    // Anthropic's structured outputs always hold to the schema: strict says nothing more, and the schema's name is a label.
    private void Output(string? effort)
    {
        var own = Find("output_config"u8);
        JsonElement? schema = null;
        if (Find("response_format"u8) is { } format)
        {
            switch (format.TypeOf())
            {
                case "text":
                    break;
                case "json_schema" when format.Find("json_schema"u8) is { } named && named.Find("schema"u8) is { ValueKind: JsonValueKind.Object } found:
                    schema = found;
                    break;
                case "json_schema":
                    faults.Malformed("response_format.json_schema.schema", "a JSON schema");
                    break;
                case "json_object":
                    faults.Cannot("response_format", "Anthropic has no JSON mode without a schema; give one as json_schema.");
                    break;
                default:
                    faults.Malformed("response_format.type", "\"text\" or \"json_schema\"");
                    break;
            }
        }

        if (own is null && schema is null && effort is null)
        {
            return;
        }

        json.WriteStartObject("output_config"u8);
        if (own is { ValueKind: JsonValueKind.Object } config)
        {
            foreach (var field in config.EnumerateObject())
            {
                if ((schema is null || !field.NameEquals("format"u8)) && (effort is null || !field.NameEquals("effort"u8)))
                {
                    json.WritePropertyName(field.Name);
                    json.Copy(field.Value);
                }
            }
        }

        if (effort is not null)
        {
            json.WriteString("effort"u8, effort);
        }

        if (schema is { } wanted)
        {
            json.WriteStartObject("format"u8);
            json.WriteString("type"u8, "json_schema"u8);
            json.Copy("schema"u8, wanted);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private void User()
    {
        var metadata = Find("metadata"u8);
        if (metadata is { ValueKind: JsonValueKind.Object } labels)
        {
            foreach (var label in labels.EnumerateObject())
            {
                if (!label.NameEquals("user_id"u8))
                {
                    faults.Cannot("metadata", "Anthropic keeps no labels but user_id.");
                    break;
                }
            }
        }

        var user = body.FindText("user"u8) ?? body.FindText("safety_identifier"u8)
            ?? (metadata is { } own ? own.FindText("user_id"u8) : null);
        if (user is { } named)
        {
            json.WriteStartObject("metadata"u8);
            json.Copy("user_id"u8, named);
            json.WriteEndObject();
        }
    }

    private void ServiceTier()
    {
        switch (body.TextOf("service_tier"u8))
        {
            case null or "auto":
                break;
            case "default" or "standard_only":
                json.WriteString("service_tier"u8, "standard_only"u8);
                break;
            default:
                faults.Cannot("service_tier", "Anthropic has \"auto\" and \"default\" alone.");
                break;
        }
    }
}
