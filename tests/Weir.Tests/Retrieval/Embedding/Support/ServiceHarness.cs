using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Encoders;
using Weir.Retrieval.Embedding.Preloading;
using Weir.State;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding.Support;

/// <summary>A service over fakes, with a local model <c>m</c> and a provider's <c>r</c>.</summary>
internal sealed class ServiceHarness : IAsyncDisposable
{
    public ServiceHarness(
        ICacheStore? store = null, ManualTimeProvider? time = null, EncoderSettings? encoders = null, FakeLoader? loader = null, EmbeddingOptions? options = null,
        FakeRoute? route = null, IPreloadSource[]? sources = null)
    {
        Route = route ?? new FakeRoute();
        Loader = loader ?? new FakeLoader(Route);
        Service = new EmbeddingService(new EmbeddingParts
        {
            Loader = Loader,
            Store = store,
            Time = time ?? TimeProvider.System,
            Encoders = encoders ?? new EncoderSettings(),
            PreloadSources = () => sources ?? [],
        });
        Options = options ?? Usual;
        Service.Apply(Options);
    }

    public static EmbeddingOptions Usual { get; } = new()
    {
        Models = new Dictionary<string, EmbeddingModelOptions>
        {
            ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = "one" },
            ["r"] = new() { Kind = EmbeddingModelKind.Route, Route = "provider/model" },
        },
        UnloadIdle = TimeSpan.Zero,
    };

    public static EmbeddingAsker Asker { get; } = new("tenant", "client");

    public FakeRoute Route { get; }

    public FakeLoader Loader { get; }

    public EmbeddingService Service { get; }

    public EmbeddingOptions Options { get; }

    public static EmbeddingRequest Request(string model, params string[] texts) =>
        new() { Model = model, Inputs = [.. texts.Select(EmbeddingInput.OfText)], Asker = Asker };

    public Task<EmbeddingResult> EmbedAsync(string model, params string[] texts) => Service.EmbedAsync(Request(model, texts)).AsTask();

    public async Task<EmbeddingResult> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken = default) =>
        await Service.EmbedAsync(request, cancellationToken);

    public ValueTask DisposeAsync() => Service.DisposeAsync();
}
