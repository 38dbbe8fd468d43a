namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>How pieces become tokens.</summary>
internal interface ITokenKind
{
    /// <summary>The token that stands for what the vocabulary does not have; -1: there is none, and what is unknown is left out.</summary>
    int UnknownId { get; }

    /// <summary>What it takes in memory beyond the vocabulary's strings, in bytes.</summary>
    long Bytes { get; }

    /// <summary>Adds the ids of a piece, which is not empty.</summary>
    void Encode(ReadOnlySpan<char> piece, List<int> ids, TokenizerWorkspace workspace);
}
