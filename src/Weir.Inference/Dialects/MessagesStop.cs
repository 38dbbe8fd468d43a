namespace Weir.Inference.Dialects;

/// <summary>Why an answer ended, in Anthropic's words.</summary>
internal static class MessagesStop
{
    /// <param name="finish">The chat's reason; null where it gave none.</param>
    /// <param name="calls">The answer calls tools: several servers say <c>stop</c> even then.</param>
    /// <param name="refuses">The answer has a refusal.</param>
    public static string Reason(string? finish, bool calls, bool refuses) => finish switch
    {
        "length" or "model_length" or "max_tokens" => "max_tokens",
        "content_filter" => "refusal",
        _ => calls ? "tool_use" : refuses ? "refusal" : "end_turn",
    };
}
