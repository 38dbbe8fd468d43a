using Weir.Retrieval.Embedding;

namespace Weir.Retrieval.Chunking;

/// <summary>Tokens of the model that will embed the chunks.</summary>
internal sealed class TokenizerCounter(ITextTokenizer tokenizer) : ITokenCounter
{
    public int Count(ReadOnlySpan<char> text) => tokenizer.Count(text);
}
