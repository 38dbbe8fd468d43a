using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// How much a model thinks. OpenAI names an effort. Models from 4.6 on take one too, beside <c>thinking</c> of type <c>adaptive</c>: minimal is low,
/// and xhigh is high where it is not known. Earlier ones take a budget of tokens out of max_tokens: minimal 1,024, low 2,048, medium 8,192, high
/// 16,384, xhigh and max 32,768, each at most half of max_tokens and at least 1,024. Anthropic's own <c>thinking</c> goes before, as it is.
/// </summary>
internal sealed class ChatThinking(JsonElement body, ClaudeModel model, Utf8JsonWriter json, TranslationFaults faults)
{
    // The least that Anthropic accepts.
    private const long LeastBudget = 1024;

    /// <summary>Of <c>output_config</c>; null: none is to be set.</summary>
    public string? Effort { get; private set; }

    /// <param name="maxTokens">The most output tokens, thinking included.</param>
    /// <param name="toolIsForced">A tool must be called, which Anthropic refuses of a model that thinks.</param>
    /// <returns>Whether the model thinks because the request says so.</returns>
    public bool Write(long maxTokens, bool toolIsForced)
    {
        if (body.Find("thinking"u8) is { } own)
        {
            json.Copy("thinking"u8, own);
            return own.TypeOf() is "enabled" or "adaptive";
        }

        if (body.Find("reasoning_effort"u8) is not { } wanted)
        {
            return false;
        }

        var effort = wanted.ValueKind == JsonValueKind.String ? wanted.GetString() : null;
        switch (effort)
        {
            case "none":
                None();
                return false;
            case not ("minimal" or "low" or "medium" or "high" or "xhigh" or "max"):
                faults.Malformed("reasoning_effort", "\"none\", \"minimal\", \"low\", \"medium\", \"high\", \"xhigh\" or \"max\"");
                return false;
        }

        if (toolIsForced)
        {
            faults.Cannot("reasoning_effort", "Anthropic does not think where tool_choice makes it call a tool.");
            return false;
        }

        return model.IsAdaptive ? Adaptive(effort) : Budget(effort, maxTokens);
    }

    private void None()
    {
        if (model.AlwaysThinks)
        {
            faults.Cannot("reasoning_effort", "this model always thinks.");
        }
        else if (model.ThinksByDefault)
        {
            json.WritePropertyName("thinking"u8);
            json.WriteRawValue("""{"type":"disabled"}"""u8, skipInputValidation: true);
        }
    }

    private bool Adaptive(string effort)
    {
        Effort = effort switch
        {
            "minimal" => "low",
            "xhigh" when !model.HasFixedSampling => "high",
            _ => effort,
        };
        // Later models keep what they think to themselves unless asked, and a client of the chat API cannot ask.
        json.WritePropertyName("thinking"u8);
        json.WriteRawValue("""{"type":"adaptive","display":"summarized"}"""u8, skipInputValidation: true);
        return true;
    }

    private bool Budget(string effort, long maxTokens)
    {
        if (maxTokens <= LeastBudget)
        {
            faults.Cannot("reasoning_effort", $"Anthropic thinks with {LeastBudget} tokens at the least, and max_tokens is {maxTokens}.");
            return false;
        }

        var budget = effort switch { "minimal" => LeastBudget, "low" => 2048, "medium" => 8192, "high" => 16_384, _ => 32_768 };
        json.WriteStartObject("thinking"u8);
        json.WriteString("type"u8, "enabled"u8);
        json.WriteNumber("budget_tokens"u8, Math.Max(LeastBudget, Math.Min(budget, maxTokens / 2)));
        json.WriteEndObject();
        return true;
    }
}
