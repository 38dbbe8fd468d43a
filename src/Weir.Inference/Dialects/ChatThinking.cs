using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// How much a model thinks. OpenAI names an effort, Anthropic takes a budget of tokens out of max_tokens: minimal 1,024, low 2,048, medium 8,192,
/// high 16,384, xhigh 32,768, each at most half of max_tokens and at least 1,024. Anthropic's own <c>thinking</c> goes before, as it is.
/// </summary>
internal sealed class ChatThinking(JsonElement body, Utf8JsonWriter json, TranslationFaults faults)
{
    // The least that Anthropic accepts.
    private const long LeastBudget = 1024;

    /// <param name="maxTokens">The most output tokens, thinking included.</param>
    /// <param name="toolIsForced">A tool must be called, which Anthropic refuses of a model that thinks.</param>
    /// <returns>Whether the model thinks.</returns>
    public bool Write(long maxTokens, bool toolIsForced)
    {
        if (body.Find("thinking"u8) is { } own)
        {
            json.Copy("thinking"u8, own);
            return own.TypeOf() is "enabled" or "adaptive";
        }

        if (body.Find("reasoning_effort"u8) is not { } effort)
        {
            return false;
        }

        long budget = effort.ValueKind != JsonValueKind.String ? -1 : effort.GetString() switch
        {
            "none" => 0,
            "minimal" => LeastBudget,
            "low" => 2048,
            "medium" => 8192,
            "high" => 16_384,
            "xhigh" => 32_768,
            _ => -1,
        };
        if (budget < 0)
        {
            faults.Malformed("reasoning_effort", "\"none\", \"minimal\", \"low\", \"medium\", \"high\" or \"xhigh\"");
            return false;
        }

        if (budget > 0 && maxTokens <= LeastBudget)
        {
            faults.Cannot("reasoning_effort", $"Anthropic thinks with {LeastBudget} tokens at the least, and max_tokens is {maxTokens}.");
            return false;
        }

        if (budget > 0 && toolIsForced)
        {
            faults.Cannot("reasoning_effort", "Anthropic does not think where tool_choice makes it call a tool.");
            return false;
        }

        if (budget > 0)
        {
            json.WriteStartObject("thinking"u8);
            json.WriteString("type"u8, "enabled"u8);
            json.WriteNumber("budget_tokens"u8, Math.Max(LeastBudget, Math.Min(budget, maxTokens / 2)));
            json.WriteEndObject();
        }

        return budget > 0;
    }
}
