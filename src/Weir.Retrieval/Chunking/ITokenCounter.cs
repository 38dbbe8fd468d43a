namespace Weir.Retrieval.Chunking;

/// <summary>How large a text is to a model. Two texts side by side have at most the sum of their tokens.</summary>
internal interface ITokenCounter
{
    int Count(ReadOnlySpan<char> text);
}
