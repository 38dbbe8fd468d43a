using System.Collections.Concurrent;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Loading;

namespace Weir.Tests.Retrieval.Embedding.Support;

/// <summary>Makes fake models; a path names the revision, and what the path begins with can make loading fail or wait.</summary>
internal sealed class FakeLoader(IEmbeddingRoute? route = null) : IModelLoader
{
    private readonly ModelLoader _routed = new(() => route);

    public ConcurrentDictionary<string, string> Stamps { get; } = new();

    public ConcurrentQueue<FakeModel> Loaded { get; } = new();

    public ManualResetEventSlim Gate { get; } = new(true);

    public SemaphoreSlim Begun { get; } = new(0);

    public volatile bool Fails;

    public ITextTokenizer? Tokenizer { get; init; }

    public ManualResetEventSlim? ModelGate { get; init; }

    public FakeModel Last => Loaded.Last();

    public string StampOf(EmbeddingModelOptions options) =>
        options.Kind == EmbeddingModelKind.Route ? _routed.StampOf(options) : Stamps.GetValueOrDefault(options.Path ?? "", "");

    public IEmbeddingModel Load(EmbeddingModelOptions options)
    {
        if (options.Kind == EmbeddingModelKind.Route)
            return _routed.Load(options);
        Begun.Release();
        Gate.Wait();
        if (Fails || options.Path?.StartsWith("broken", StringComparison.Ordinal) == true)
            throw new FormatException("the weights are torn");
        var model = new FakeModel(options.Path ?? "fake", options.Dimensions ?? 8) { Tokenizer = Tokenizer, Gate = ModelGate };
        Loaded.Enqueue(model);
        return model;
    }
}
