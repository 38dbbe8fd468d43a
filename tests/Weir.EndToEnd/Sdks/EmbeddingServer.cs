using Weir.EndToEnd.Support;

namespace Weir.EndToEnd.Sdks;

/// <summary>A server with embedding models of its own and one of a simulated provider, which counts what it is asked.</summary>
[CollectionDefinition(Name)]
public sealed class EmbeddingServer : IAsyncLifetime, ICollectionFixture<EmbeddingServer>
{
    public const string Name = "a server with embedding models";

    private readonly Scratch _scratch = new();
    private Server _provider = null!;
    private Server _weir = null!;

    /// <summary>Without <c>/v1</c>.</summary>
    public string Url => _weir.Url;

    public async ValueTask InitializeAsync()
    {
        _provider = await Server.SimAsync(_scratch);
        _weir = await Server.UpAsync(_scratch, "--config", _scratch.Write("weir.json", $$"""
            {
              "providers": { "up": { "dialect": "openai", "base_url": "{{_provider.BaseUrl}}" } },
              "routes": { "chat": { "deployments": [ { "provider": "up", "model": "sim-small" } ] } },
              "embeddings": { "models": { "routed": { "kind": "route", "route": "up/sim-embedding" }, "small": { "kind": "hashing", "dimensions": 64 } } }
            }
            """));
    }

    public async ValueTask DisposeAsync()
    {
        await _weir.DisposeAsync();
        await _provider.DisposeAsync();
        _scratch.Dispose();
    }
}
