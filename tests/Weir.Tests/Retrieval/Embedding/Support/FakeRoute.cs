using System.Collections.Concurrent;
using System.Text;
using Weir.Retrieval;
using Weir.Retrieval.Embedding;

namespace Weir.Tests.Retrieval.Embedding.Support;

/// <summary>A gateway with one model behind it.</summary>
internal sealed class FakeRoute : IEmbeddingRoute
{
    private int _calls;

    public string? Identity { get; set; } = "provider/model";

    public int Dimensions { get; set; } = 8;

    public int Calls => Volatile.Read(ref _calls);

    public ConcurrentQueue<(string[] Texts, EmbeddingAsker Asker)> Asked { get; } = new();

    public SemaphoreSlim Begun { get; } = new(0);

    /// <summary>Null: it answers at once.</summary>
    public Func<EmbeddingAsker, CancellationToken, Task>? Before { get; set; }

    public Func<EmbeddingAsker, RetrievalError?> Error { get; set; } = _ => null;

    public string? IdentityOf(string route) => Identity;

    public async ValueTask<RoutedEmbeddings> EmbedAsync(
        string route, IReadOnlyList<EmbeddingInput> inputs, int? dimensions, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _calls);
        var texts = inputs.Select(input => input.IsTokens ? string.Join(',', input.Tokens.ToArray()) : Encoding.UTF8.GetString(input.Utf8.Span)).ToArray();
        Asked.Enqueue((texts, asker));
        Begun.Release();
        if (Before is { } before)
            await before(asker, cancellationToken);
        if (Error(asker) is { } error)
            return new RoutedEmbeddings { Error = error };
        return new RoutedEmbeddings
        {
            Vectors = [.. texts.Select(text => (ReadOnlyMemory<float>)FakeModel.VectorOf(Identity!, text, dimensions ?? Dimensions))],
            Tokens = texts.Length * 10,
            Cost = texts.Length * 0.5,
        };
    }
}
