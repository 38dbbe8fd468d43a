using System.Text.Json;
using Weir.Simulation.Answers;

namespace Weir.Simulation.Dialects;

/// <summary>What chat completions and completions have in common.</summary>
internal static class Usage
{
    public static string FinishReason(Answer answer) => answer.IsCutShort ? "length" : answer.Prompt.Calls.Count > 0 ? "tool_calls" : "stop";

    public static void Write(Utf8JsonWriter json, Answer answer)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, answer.Prompt.InputTokens);
        json.WriteNumber("completion_tokens"u8, answer.OutputTokens);
        json.WriteNumber("total_tokens"u8, answer.Prompt.InputTokens + answer.OutputTokens);
        json.WriteStartObject("prompt_tokens_details"u8);
        json.WriteNumber("cached_tokens"u8, answer.IsCached ? Math.Min(BodyFields.Tokens(answer.Prompt.Instructions.Length), answer.Prompt.InputTokens) : 0);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details"u8);
        json.WriteNumber("reasoning_tokens"u8, answer.ThinkingTokens * answer.Choices.Length);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
