using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Writes the fields of a Responses request as those of a chat request.</summary>
internal sealed class ResponsesRequest(JsonElement body, TranslationTarget target, Utf8JsonWriter writer)
{
    public InferenceError? Write()
    {
        writer.WriteStartObject();
        writer.WriteString("model"u8, target.Model);
        if (Messages() is { } error)
        {
            return error;
        }

        if (new ResponsesTools(body, target, writer).Write() is { } refused)
        {
            return refused;
        }

        foreach (var field in body.EnumerateObject())
        {
            if (field.Value.ValueKind != JsonValueKind.Null && Field(field.Name, field.Value) is { } fault)
            {
                return fault;
            }
        }

        writer.WriteEndObject();
        return null;
    }

    private InferenceError? Messages()
    {
        writer.WriteStartArray("messages"u8);
        if (body.Find("instructions"u8) is { } instructions)
        {
            if (instructions.ValueKind != JsonValueKind.String)
            {
                return InferenceError.Malformed("'instructions' takes a string.", "instructions");
            }

            writer.WriteStartObject();
            writer.WriteString("role"u8, "system"u8);
            writer.Copy(body, "instructions"u8, "content"u8);
            writer.WriteEndObject();
        }

        var error = new ResponsesInput(body, target, writer).Write();
        writer.WriteEndArray();
        return error;
    }

    private InferenceError? Field(string name, JsonElement value)
    {
        switch (name)
        {
            // Written with the messages and the tools.
            case "model" or "input" or "instructions" or "tools" or "tool_choice" or "parallel_tool_calls":
            // Told back to the client, or a hint, or a bound on tools that are not there: nothing is lost without them.
            case "metadata" or "prompt_cache_key" or "prompt_cache_retention" or "prompt_cache_options" or "stream_options" or "max_tool_calls":
                return null;
            case "include":
                return Include(value);
            case "stream":
                Stream(value);
                return null;
            case "max_output_tokens":
                Copy(MessagesFlavour.Of(target.Preset).MaxTokens, value);
                return null;
            case "safety_identifier":
                Copy("user", value);
                return null;
            case "user":
                if (body.Find("safety_identifier"u8) is null)
                {
                    Copy(name, value);
                }

                return null;
            case "service_tier" when Is(value, "auto"):
                return null;
            case "reasoning":
                return Reasoning(value);
            case "text":
                return Text(value);
            case "store":
                return value.ValueKind == JsonValueKind.True ? target.Cannot(name, "it has no Responses API, so that nothing keeps the response.") : null;
            case "background":
                return value.ValueKind == JsonValueKind.True ? NeedsState(target, name) : null;
            case "conversation" or "previous_response_id" or "prompt":
                return NeedsState(target, name);
            case "truncation":
                return Is(value, "disabled") ? null : target.Cannot(name, "chat does not shorten a conversation.");
            case "top_logprobs":
                return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count == 0
                    ? null : target.Cannot(name, "log probabilities are not translated.");
            case "context_management" or "moderation":
                return target.Cannot(name, "chat has nothing like it.");
            case "messages" or "response_format" or "max_tokens" or "max_completion_tokens" or "reasoning_effort" or "verbosity" or "functions" or "function_call":
                return InferenceError.Malformed($"'{name}' belongs to chat completions and not to responses.", name);
            default:
                // An extension of the server's own.
                Copy(name, value);
                return null;
        }
    }

    /// <summary>Refuses what only a server that keeps responses can do, whatever the route says: without it the request would mean something else.</summary>
    public static InferenceError NeedsState(TranslationTarget target, string field) =>
        new(422, "unsupported_field", $"'{field}' cannot be sent to '{target.Deployment}': it has no Responses API, and what is served by translation keeps no state. Send the whole conversation as \"input\".")
        {
            Param = field,
            ShouldRetry = false,
        };

    private InferenceError? Include(JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            return InferenceError.Malformed("'include' takes a list.", "include");
        }

        // The others ask for more of tools and items that a translated answer never has.
        return list.EnumerateArray().Any(entry => Is(entry, "message.output_text.logprobs"))
            ? target.Cannot("include", "log probabilities are not translated.")
            : null;
    }

    private void Stream(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.True)
        {
            return;
        }

        writer.WriteBoolean("stream"u8, true);
        writer.WriteStartObject("stream_options"u8);
        writer.WriteBoolean("include_usage"u8, true);
        writer.WriteEndObject();
    }

    // How much of the reasoning is shown is a question of the answer alone: see ResponsesEcho.WantsSummary.
    private InferenceError? Reasoning(JsonElement value)
    {
        writer.Copy(value, "effort"u8, "reasoning_effort"u8);
        return value.Find("context"u8) is { } context && !Is(context, "auto")
            ? target.Cannot("reasoning.context", "chat has nothing like it.")
            : null;
    }

    private InferenceError? Text(JsonElement value)
    {
        if (value.Find("verbosity"u8) is { } verbosity && !Is(verbosity, "medium"))
        {
            Copy("verbosity", verbosity);
        }

        if (value.Find("format"u8) is not { } format)
        {
            return null;
        }

        switch (format.TypeOf())
        {
            case "text":
                return null;
            case "json_object":
                Copy("response_format", format);
                return null;
            case "json_schema":
                writer.WriteStartObject("response_format"u8);
                writer.WriteString("type"u8, "json_schema"u8);
                writer.WriteStartObject("json_schema"u8);
                writer.Copy(format, "name"u8);
                writer.Copy(format, "description"u8);
                writer.Copy(format, "schema"u8);
                writer.Copy(format, "strict"u8);
                writer.WriteEndObject();
                writer.WriteEndObject();
                return null;
            default:
                return target.Cannot("text.format", "chat has no such format.");
        }
    }

    private void Copy(string name, JsonElement value)
    {
        writer.WritePropertyName(name);
        writer.Copy(value);
    }

    private static bool Is(JsonElement value, string text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);
}
