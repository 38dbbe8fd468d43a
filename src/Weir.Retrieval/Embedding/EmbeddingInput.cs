using System.Text;

namespace Weir.Retrieval.Embedding;

/// <summary>One thing to embed: a text, or tokens of the model's own tokenizer.</summary>
public readonly struct EmbeddingInput
{
    private EmbeddingInput(ReadOnlyMemory<byte> utf8, ReadOnlyMemory<int> tokens, bool isTokens) => (Utf8, Tokens, IsTokens) = (utf8, tokens, isTokens);

    /// <summary>The exact text as valid UTF-8; empty where these are tokens.</summary>
    public ReadOnlyMemory<byte> Utf8 { get; }

    public ReadOnlyMemory<int> Tokens { get; }

    public bool IsTokens { get; }

    public static EmbeddingInput OfText(string text) => new(Encoding.UTF8.GetBytes(text), default, false);

    /// <param name="utf8">Valid UTF-8, unchanged for as long as the input is in use.</param>
    public static EmbeddingInput OfText(ReadOnlyMemory<byte> utf8) => new(utf8, default, false);

    public static EmbeddingInput OfTokens(ReadOnlyMemory<int> tokens) => new(default, tokens, true);
}
