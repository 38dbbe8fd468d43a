namespace Weir.Retrieval.Models.Tokenizers.PreTokenizers;

/// <summary>One step that cuts text into pieces, of which no token reaches over the border. Immutable; from any thread.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Adds what a piece is cut into.</summary>
    /// <param name="piece">Not empty.</param>
    /// <param name="isFirst">Whether the text begins with it.</param>
    /// <param name="result">Where to.</param>
    public abstract void Split(ReadOnlySpan<char> piece, bool isFirst, PieceList result);
}
