using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Weir.Retrieval.Embedding;

namespace Weir.Retrieval.Models.Hashing;

/// <summary>
/// An embedding without weights: words and character n-grams, each hashed to a place and a sign ("feature hashing", Weinberger et al. 2009). It finds
/// what is spelled alike, in any language, and knows nothing of meaning. The algorithm stands in docs/hashing-model.md, with vectors to check others by.
/// </summary>
internal sealed class HashingModel : ILocalModel
{
    /// <summary>Changed with whatever changes a vector.</summary>
    public const int Version = 1;

    public const int MinDimensions = 64, MaxDimensions = 4096;

    /// <param name="dimensions">64 to 4096. More keep features apart that share places in fewer.</param>
    public HashingModel(int dimensions = 384)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, MinDimensions);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dimensions, MaxDimensions);
        Dimensions = dimensions;
        var name = string.Create(CultureInfo.InvariantCulture, $"weir-hashing-{Version}/{dimensions}");
        Revision = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(name)).AsSpan(0, 16));
    }

    public string Revision { get; }

    public int Dimensions { get; }

    public long Bytes => 0;

    public ITextTokenizer? Tokenizer => null;

    // The beginning of a long vector says nothing of most words: those of a short text have few places, and none of them may be there.
    public int? FewestDimensions => MinDimensions;

    public int Embed(in EmbeddingInput input, Span<float> vector)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vector.Length, MinDimensions);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vector.Length, Dimensions);
        // Sums are of doubles and in one order, so that every platform and every implementation comes to the same bits.
        Span<double> sums = stackalloc double[vector.Length];
        sums.Clear();
        var words = new WordCounts(input.Utf8.Length);
        try
        {
            WordReader.Read(input.Utf8.Span, ref words);
            foreach (ref readonly var word in words.Entries)
                HashingFeatures.Add(words.BytesOf(word), word, sums);
        }
        finally
        {
            words.Dispose();
        }

        var squares = 0.0;
        foreach (var sum in sums)
            squares += sum * sum;
        var length = Math.Sqrt(squares);
        for (var i = 0; i < vector.Length; i++)
            vector[i] = length > 0 ? (float)(sums[i] / length) : 0;
        return TokenEstimate.Of(input);
    }

    /// <summary>The different words of a text as they are hashed, in the order in which they first come.</summary>
    public static IReadOnlyList<ExplainedWord> WordsOf(in EmbeddingInput input, int most)
    {
        var words = new WordCounts(input.Utf8.Length);
        try
        {
            WordReader.Read(input.Utf8.Span, ref words);
            var explained = new List<ExplainedWord>();
            foreach (ref readonly var word in words.Entries[..Math.Min(most, words.Entries.Length)])
                explained.Add(new ExplainedWord(Encoding.UTF8.GetString(words.BytesOf(word)), word.Count));
            return explained;
        }
        finally
        {
            words.Dispose();
        }
    }

    public void Dispose()
    {
    }
}
