using System.Text.Json;
using Weir.Simulation.Answers;

namespace Weir.Simulation.Dialects;

/// <summary>What chat completions and completions have in common.</summary>
internal static class Usage
{
    public static string FinishReason(Answer answer) => answer.IsCutShort ? "length" : "stop";

    public static void Write(Utf8JsonWriter json, Answer answer)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, answer.Prompt.InputTokens);
        json.WriteNumber("completion_tokens"u8, answer.OutputTokens);
        json.WriteNumber("total_tokens"u8, answer.Prompt.InputTokens + answer.OutputTokens);
        json.WriteEndObject();
    }
}
