namespace Weir.Retrieval.Embedding;

/// <summary>A model that has been loaded: immutable, and safe from any thread until it is disposed.</summary>
public interface IEmbeddingModel : IDisposable
{
    /// <summary>
    /// Names the vectors: 32 hexadecimal digits, from the content of the weights, the tokenizer and all that changes a vector. Two models of one
    /// revision give the same vector for the same text.
    /// </summary>
    string Revision { get; }

    /// <summary>The length of its vectors.</summary>
    int Dimensions { get; }

    /// <summary>What it holds in memory of this process, shared pages of mapped files included.</summary>
    long Bytes { get; }

    /// <summary>Null where tokens cannot be known here: inputs are texts then, and their size is estimated.</summary>
    ITextTokenizer? Tokenizer { get; }
}

/// <summary>A model that is computed here, on the caller's thread.</summary>
public interface ILocalModel : IEmbeddingModel
{
    /// <summary>
    /// The fewest dimensions that <see cref="Embed"/> makes vectors of as they would be in a model of so many. Null: it makes all, and fewer are their beginning.
    /// </summary>
    int? FewestDimensions => null;

    /// <summary>Embeds one input into a vector of unit length; a text without any known token gives zeros.</summary>
    /// <param name="input">Tokens only where there is a <see cref="IEmbeddingModel.Tokenizer"/>, and inside of its vocabulary.</param>
    /// <param name="vector">Of <see cref="IEmbeddingModel.Dimensions"/>, or fewer down to <see cref="FewestDimensions"/>; overwritten.</param>
    /// <returns>How many tokens were read: what stands behind a limit of the model's own does not count. Estimated where there is no tokenizer.</returns>
    int Embed(in EmbeddingInput input, Span<float> vector);
}

/// <summary>Cuts text as a model does.</summary>
public interface ITextTokenizer
{
    /// <summary>Tokens have ids from 0 to one less than this.</summary>
    int VocabularySize { get; }

    /// <summary>Adds the ids of a text's tokens, special ones that a model puts around it left out.</summary>
    void Encode(ReadOnlySpan<char> text, List<int> ids);

    int Count(ReadOnlySpan<char> text);

    /// <summary>A token as it stands in the vocabulary.</summary>
    string TokenOf(int id);
}
