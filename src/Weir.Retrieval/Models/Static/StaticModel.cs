using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Models.Safetensors;
using Weir.Retrieval.Models.Tokenizers;
using Weir.Retrieval.Models.Tokenizers.Reading;
using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Static;

/// <summary>
/// A static model in model2vec's layout: a text's vector is the mean of its tokens' learned vectors, each times its weight where there are weights,
/// brought to unit length. Unknown tokens are left out. As in model2vec, only the beginning of a text counts: <see cref="TokenLimit"/> tokens, of
/// at most so many times the median length of a token in code points.
/// </summary>
internal sealed class StaticModel : ILocalModel
{
    /// <summary>Tokens that count towards a vector; further ones are left out. Model2vec's default.</summary>
    public const int TokenLimit = 512;

    /// <summary>In the revision: to be raised when the same files give other vectors.</summary>
    private const string Algorithm = "weir static 1\n";

    private const long LargestTokenizer = 1 << 29;
    private const int OnStack = 1024;

    private readonly TokenVectors _vectors;
    private readonly Tokenizer _tokenizer;
    private readonly int _codePointLimit;

    private StaticModel(TokenVectors vectors, Tokenizer tokenizer, string revision)
    {
        (_vectors, _tokenizer, Revision) = (vectors, tokenizer, revision);
        _codePointLimit = TokenLimit * Math.Max(1, MedianLength(tokenizer));
    }

    public string Revision { get; }

    public int Dimensions => _vectors.Dimensions;

    public long Bytes => _vectors.Bytes + _tokenizer.Bytes;

    public ITextTokenizer Tokenizer => _tokenizer;

    /// <summary>
    /// Loads a folder with <c>model.safetensors</c> and <c>tokenizer.json</c> (or one with <c>0_StaticEmbedding</c> that holds them, as
    /// sentence-transformers write it). Reads all of both once, to check every number and to name the revision: about a second for each gigabyte.
    /// </summary>
    /// <exception cref="ModelLoadException">It cannot be used; the message says why.</exception>
    public static StaticModel Load(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "model.safetensors")) && Directory.Exists(Path.Combine(folder, "0_StaticEmbedding")))
            folder = Path.Combine(folder, "0_StaticEmbedding");
        if (!Directory.Exists(folder))
            throw new ModelLoadException($"{folder}: there is no such folder.");

        var tokenizerPath = Path.Combine(folder, "tokenizer.json");
        var json = ReadAll(tokenizerPath);
        var tokenizer = TokenizerFile.Read(tokenizerPath, json);
        var vectors = new TokenVectors(new SafetensorsFile(Path.Combine(folder, "model.safetensors")), tokenizer.VocabularySize);
        var revision = SHA256.HashData([.. Encoding.ASCII.GetBytes(Algorithm), .. vectors.Hash(), .. SHA256.HashData(json)]);
        return new StaticModel(vectors, tokenizer, Convert.ToHexStringLower(revision.AsSpan(0, 16)));
    }

    public int Embed(in EmbeddingInput input, Span<float> vector)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(vector.Length, Dimensions);
        vector.Clear();
        var read = input.IsTokens ? Sum(input.Tokens.Span, vector) : Sum(input.Utf8.Span, vector);
        ToUnitLength(vector);
        return read;
    }

    public void Dispose() => _vectors.Dispose();

    private static byte[] ReadAll(string path)
    {
        try
        {
            return new FileInfo(path).Length <= LargestTokenizer
                ? File.ReadAllBytes(path)
                : throw new ModelLoadException($"{path}: it has more than {LargestTokenizer:N0} bytes, which no tokenizer has.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException($"{path}: it cannot be read: {fault.Message}", fault);
        }
    }

    /// <summary>The median of tokens' lengths in code points, rounded down.</summary>
    private static int MedianLength(Tokenizer tokenizer)
    {
        var lengths = tokenizer.Tokens.Select(t => CodePoints.Count(t)).Order().ToArray();
        return (lengths[(lengths.Length - 1) / 2] + lengths[lengths.Length / 2]) / 2;
    }

    private int Sum(ReadOnlySpan<byte> utf8, Span<float> sum)
    {
        var ids = TokenList.Rent();
        try
        {
            Encode(Beginning(utf8), ids);
            return Sum(CollectionsMarshal.AsSpan(ids), sum);
        }
        finally
        {
            TokenList.Return(ids);
        }
    }

    private void Encode(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        var chars = ArrayPool<char>.Shared.Rent(Encoding.UTF8.GetMaxCharCount(utf8.Length));
        try
        {
            _tokenizer.Encode(chars.AsSpan(0, Encoding.UTF8.GetChars(utf8, chars)), ids);
        }
        finally
        {
            ArrayPool<char>.Shared.Return(chars);
        }
    }

    private ReadOnlySpan<byte> Beginning(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length <= _codePointLimit)
            return utf8;
        var left = _codePointLimit;
        for (var i = 0; i < utf8.Length; i++)
        {
            // Every byte but those that continue a code point begins one.
            if ((utf8[i] & 0xC0) != 0x80 && left-- == 0)
                return utf8[..i];
        }

        return utf8;
    }

    /// <returns>How many tokens were read: all of them, up to the limit.</returns>
    private int Sum(ReadOnlySpan<int> tokens, Span<float> sum)
    {
        var rented = Dimensions > OnStack ? ArrayPool<float>.Shared.Rent(Dimensions) : null;
        Span<float> scratch = rented is null ? stackalloc float[OnStack] : rented;
        scratch = scratch[..Dimensions];
        try
        {
            using var lease = _vectors.Use();
            var left = TokenLimit;
            for (var i = 0; i < tokens.Length; i++)
            {
                var token = tokens[i];
                // By hand: the runtime's own ThrowIfGreaterThanOrEqual boxes a number at each call until it is optimised.
                if ((uint)token >= (uint)_tokenizer.VocabularySize)
                    throw new ArgumentOutOfRangeException(nameof(tokens), token, "It is outside of the vocabulary.");
                if (token == _tokenizer.UnknownId)
                    continue;
                if (left-- == 0)
                    return i;
                _vectors.AddTo(sum, token, lease, scratch);
            }

            return tokens.Length;
        }
        finally
        {
            if (rented is not null)
                ArrayPool<float>.Shared.Return(rented);
        }
    }

    // The mean's length does not matter, so the sum will do. The largest number is brought to 1 first: squares of very large or small ones are lost.
    private static void ToUnitLength(Span<float> vector)
    {
        var largest = Math.Abs(TensorPrimitives.MaxMagnitude<float>(vector));
        if (largest == 0)
            return;
        TensorPrimitives.Divide(vector, largest, vector);
        TensorPrimitives.Divide(vector, TensorPrimitives.Norm<float>(vector), vector);
    }
}
