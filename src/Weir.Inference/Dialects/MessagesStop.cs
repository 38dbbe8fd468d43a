namespace Weir.Inference.Dialects;

/// <summary>Why an answer ended, in Anthropic's words.</summary>
internal static class MessagesStop
{
    public const string Refusal = "refusal";

    /// <param name="finish">The chat's reason; null where it gave none.</param>
    /// <param name="calls">The answer calls tools: several servers say <c>stop</c> even then.</param>
    /// <param name="refuses">The answer has a refusal.</param>
    /// <param name="sequence">A stop sequence ended it.</param>
    /// <exception cref="InvalidDataException">The provider gave up: OpenRouter and DeepSeek say so here, after what there is of an answer.</exception>
    public static string Reason(string? finish, bool calls, bool refuses, bool sequence) => finish switch
    {
        "length" or "model_length" or "max_tokens" => "max_tokens",
        "content_filter" => Refusal,
        "error" or "insufficient_system_resource" => throw new InvalidDataException($"The provider ended its answer with '{finish}'."),
        _ => sequence ? "stop_sequence" : calls ? "tool_use" : refuses ? Refusal : "end_turn",
    };
}
