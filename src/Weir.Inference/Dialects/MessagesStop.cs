namespace Weir.Inference.Dialects;

/// <summary>Why an answer ended, in Anthropic's words.</summary>
internal static class MessagesStop
{
    public const string Refusal = "refusal";

    /// <param name="finish">The chat's reason; null where it gave none.</param>
    /// <param name="calls">The answer calls tools: several servers say <c>stop</c> even then.</param>
    /// <param name="refuses">The answer has a refusal.</param>
    /// <param name="sequence">A stop sequence ended it.</param>
    public static string Reason(string? finish, bool calls, bool refuses, bool sequence) => finish switch
    {
        "length" or "model_length" or "max_tokens" => "max_tokens",
        "content_filter" => Refusal,
        _ => sequence ? "stop_sequence" : calls ? "tool_use" : refuses ? Refusal : "end_turn",
    };
}
