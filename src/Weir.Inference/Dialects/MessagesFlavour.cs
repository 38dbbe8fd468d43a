namespace Weir.Inference.Dialects;

/// <summary>Where servers of the chat API differ in what they take.</summary>
/// <param name="MaxTokens">The name under which the bound on the answer goes.</param>
/// <param name="TakesMore">
/// Fields beyond OpenAI's are understood or ignored: <c>top_k</c>, <c>cache_control</c> on parts and tools, the thinking of earlier turns.
/// Other servers refuse a request that has them.
/// </param>
/// <param name="IsOpenAI">
/// OpenAI's own API: <c>xhigh</c> and <c>max</c> are levels of effort, which elsewhere become <c>high</c>, and there are tiers of service.
/// </param>
internal sealed record MessagesFlavour(string MaxTokens, bool TakesMore, bool IsOpenAI)
{
    /// <summary>OpenAI's newer models take no <c>max_tokens</c>, and its API refuses fields that it does not know.</summary>
    private static readonly MessagesFlavour OpenAI = new("max_completion_tokens", TakesMore: false, IsOpenAI: true);

    private static readonly MessagesFlavour Strict = new("max_tokens", TakesMore: false, IsOpenAI: false);

    private static readonly MessagesFlavour Lenient = new("max_tokens", TakesMore: true, IsOpenAI: false);

    /// <param name="preset">The provider's preset; null where it has none, which is most often vLLM, SGLang, llama.cpp or another gateway.</param>
    public static MessagesFlavour Of(string? preset) => preset switch
    {
        "openai" => OpenAI,
        "groq" or "gemini" or "xai" => Strict,
        _ => Lenient,
    };
}
