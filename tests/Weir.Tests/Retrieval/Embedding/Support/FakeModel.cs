using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Weir.Retrieval.Embedding;

namespace Weir.Tests.Retrieval.Embedding.Support;

/// <summary>A local model whose vectors are made of a hash, which can be held up, and which notices what must not happen.</summary>
internal sealed class FakeModel(string revision = "fake", int dimensions = 8) : ILocalModel
{
    private readonly ConcurrentDictionary<string, int> _underWay = new();
    private int _disposed;
    private int _calls;

    public string Revision => revision;

    public int Dimensions => dimensions;

    public long Bytes => 1000;

    public ITextTokenizer? Tokenizer { get; init; }

    /// <summary>Waits here before it computes; null: nowhere.</summary>
    public ManualResetEventSlim? Gate { get; init; }

    /// <summary>Ends once as many computations have begun.</summary>
    public SemaphoreSlim Begun { get; } = new(0);

    public ConcurrentQueue<string> Texts { get; } = new();

    public ConcurrentQueue<string> Faults { get; } = new();

    public int Calls => Volatile.Read(ref _calls);

    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    public static float[] VectorOf(string revision, string text, int dimensions)
    {
        var random = new Random(BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes(revision + "|" + text))));
        var vector = new float[dimensions];
        for (var i = 0; i < dimensions; i++)
            vector[i] = (float)((random.NextDouble() * 2) - 1);
        var norm = MathF.Sqrt(vector.Sum(x => x * x));
        return Array.ConvertAll(vector, x => x / norm);
    }

    public int Embed(in EmbeddingInput input, Span<float> vector)
    {
        var text = input.IsTokens ? string.Join(',', input.Tokens.ToArray()) : Encoding.UTF8.GetString(input.Utf8.Span);
        Interlocked.Increment(ref _calls);
        if (IsDisposed)
            Faults.Enqueue($"'{text}' came after the model was disposed.");
        if (_underWay.AddOrUpdate(text, 1, (_, n) => n + 1) > 1)
            Faults.Enqueue($"'{text}' was computed twice at once.");
        Texts.Enqueue(text);
        Begun.Release();
        Gate?.Wait();
        _underWay.AddOrUpdate(text, 0, (_, n) => n - 1);
        if (text.StartsWith("poison", StringComparison.Ordinal))
            throw new FormatException("poisoned");
        if (text.StartsWith("tangle", StringComparison.Ordinal))
            throw new System.Text.RegularExpressions.RegexMatchTimeoutException();
        VectorOf(revision, text, dimensions).CopyTo(vector);
        return input.IsTokens || Tokenizer is null ? TokenEstimate.Of(input) : Tokenizer.Count(text);
    }

    public void Dispose()
    {
        if (Interlocked.Increment(ref _disposed) > 1)
            Faults.Enqueue("It was disposed twice.");
    }
}

internal sealed class LetterTokenizer : ITextTokenizer
{
    public int VocabularySize => 128;

    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        foreach (var c in text)
            ids.Add(c % 128);
    }

    public int Count(ReadOnlySpan<char> text) => text.Length;

    public string TokenOf(int id) => ((char)id).ToString();
}
