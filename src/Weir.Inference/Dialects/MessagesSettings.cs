using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Everything of a request that is neither its turns nor its tools.</summary>
internal sealed class MessagesSettings(Utf8JsonWriter json, TranslationFaults faults, MessagesFlavour flavour)
{
    /// <summary>
    /// Budgets of thinking under these many tokens become low and medium effort, larger ones high. They part the range that Anthropic
    /// recommends for budgets (1,024 to 32,768) in about equal steps of its logarithm.
    /// </summary>
    private const int MediumBudget = 4_096;
    private const int HighBudget = 16_384;

    public void Write(JsonElement body)
    {
        JsonElement? thinking = null, config = null, format = null;
        var stream = false;
        foreach (var field in body.EnumerateObject())
        {
            var value = field.Value;
            if (value.ValueKind == JsonValueKind.Null)
                continue;
            switch (field.Name)
            {
                case "model" or "messages" or "system" or "tools" or "tool_choice":
                    break;
                case "max_tokens":
                    Copy(value, field.Name, JsonValueKind.Number, "a number", flavour.MaxTokens);
                    break;
                case "temperature" or "top_p":
                    Copy(value, field.Name, JsonValueKind.Number, "a number", field.Name);
                    break;
                case "top_k" when flavour.TakesMore:
                    Copy(value, field.Name, JsonValueKind.Number, "a number", field.Name);
                    break;
                case "stop_sequences":
                    Stop(value);
                    break;
                case "stream":
                    stream = value.ValueKind == JsonValueKind.True;
                    break;
                case "metadata":
                    if (value.ValueKind == JsonValueKind.Object && value.Find("user_id"u8) is { ValueKind: JsonValueKind.String } user)
                        json.Copy("user"u8, user);
                    break;
                case "thinking":
                    thinking = value;
                    break;
                case "output_config":
                    config = value;
                    break;
                case "output_format":
                    format = value;
                    break;
                case "service_tier":
                    Tier(value);
                    break;
                case "speed" when value.ValueKind == JsonValueKind.String && value.ValueEquals("standard"u8):
                    break;
                case "cache_control":
                    // A hint: without it the answer is the same.
                    if (flavour.TakesMore)
                        json.Copy("cache_control"u8, value);
                    else
                        faults.Dropped("cache_control");
                    break;
                case "mcp_servers" when value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0:
                    break;
                default:
                    faults.Cannot(field.Name, "chat completions have nothing like it.");
                    break;
            }
        }

        if (stream)
        {
            json.WriteBoolean("stream"u8, true);
            json.WriteStartObject("stream_options"u8);
            json.WriteBoolean("include_usage"u8, true);
            json.WriteEndObject();
        }

        Config(config, ref format);
        Effort(thinking, config);
        if (format is { } wanted)
            Format(wanted, config is null ? "output_format" : "output_config.format");
    }

    private void Copy(JsonElement value, string field, JsonValueKind kind, string expected, string name)
    {
        if (value.ValueKind != kind)
        {
            faults.Malformed(field, expected);
            return;
        }

        json.WritePropertyName(name);
        value.WriteTo(json);
    }

    private void Stop(JsonElement sequences)
    {
        if (sequences.ValueKind != JsonValueKind.Array)
            faults.Malformed("stop_sequences", "an array of strings");
        else if (sequences.GetArrayLength() > 0)
            json.Copy("stop"u8, sequences);
    }

    /// <summary>Only OpenAI sells priority beside the standard tier; elsewhere there is nothing to opt out of.</summary>
    private void Tier(JsonElement tier)
    {
        if (flavour.IsOpenAI && tier.ValueKind == JsonValueKind.String && tier.ValueEquals("standard_only"u8))
            json.WriteString("service_tier"u8, "default"u8);
    }

    private void Config(JsonElement? config, ref JsonElement? format)
    {
        if (config is not { } given)
            return;
        if (given.ValueKind != JsonValueKind.Object)
        {
            faults.Malformed("output_config", "an object");
            return;
        }

        foreach (var field in given.EnumerateObject())
        {
            if (field.Value.ValueKind == JsonValueKind.Null || field.NameEquals("effort"u8))
                continue;
            if (field.NameEquals("format"u8))
                format = field.Value;
            else
                faults.Cannot("output_config." + field.Name, "chat completions have nothing like it.");
        }
    }

    private void Effort(JsonElement? thinking, JsonElement? config)
    {
        string? effort = null;
        if (thinking is { } given)
        {
            switch (given.TypeOf())
            {
                case "disabled":
                    return;
                case "enabled":
                    effort = given.Find("budget_tokens"u8) is { ValueKind: JsonValueKind.Number } budget && budget.TryGetInt64(out var tokens)
                        ? tokens < MediumBudget ? "low" : tokens < HighBudget ? "medium" : "high"
                        : null;
                    if (effort is null)
                        faults.Malformed("thinking.budget_tokens", "a whole number");
                    break;
                case "adaptive" or "between_tools":
                    break;
                case null:
                    faults.Malformed("thinking", "an object with a type");
                    break;
                default:
                    faults.Cannot("thinking.type", "it is not known here.");
                    break;
            }
        }

        if (config is { ValueKind: JsonValueKind.Object } output && output.Find("effort"u8) is { } level)
        {
            if (level.ValueKind == JsonValueKind.String)
                effort = level.GetString();
            else
                faults.Malformed("output_config.effort", "a string");
        }

        if (effort is not null)
            json.WriteString("reasoning_effort"u8, effort is "xhigh" or "max" && !flavour.IsOpenAI ? "high" : effort);
    }

    private void Format(JsonElement format, string field)
    {
        if (format.TypeOf() != "json_schema" || format.Find("schema"u8) is not { ValueKind: JsonValueKind.Object } schema)
        {
            faults.Malformed(field, "an object of type json_schema with a schema");
            return;
        }

        json.WriteStartObject("response_format"u8);
        json.WriteString("type"u8, "json_schema"u8);
        json.WriteStartObject("json_schema"u8);
        json.WriteString("name"u8, "answer"u8);
        json.WriteBoolean("strict"u8, MessagesSchema.IsStrict(schema));
        json.Copy("schema"u8, schema);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
