namespace Weir.Retrieval.Embedding;

/// <summary>How many tokens a text probably has where there is no tokenizer: one for every four bytes of UTF-8, and at least one.</summary>
internal static class TokenEstimate
{
    private const int BytesOfToken = 4;

    public static int Of(in EmbeddingInput input) => input.IsTokens ? input.Tokens.Length : (input.Utf8.Length / BytesOfToken) + 1;
}
