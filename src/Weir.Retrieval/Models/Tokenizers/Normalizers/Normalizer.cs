using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.Normalizers;

/// <summary>One step that rewrites text before it is cut. Immutable; from any thread.</summary>
internal abstract class Normalizer
{
    /// <summary>Appends the text, rewritten, to a result that is empty before.</summary>
    public abstract void Normalize(ReadOnlySpan<char> text, CharBuffer result);
}
