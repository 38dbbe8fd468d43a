using Weir.EndToEnd.Support;

namespace Weir.EndToEnd.Sdks;

/// <summary>A gateway before one provider of each dialect; the routes are named after them.</summary>
[CollectionDefinition(Name)]
public sealed class TwoDialects : IAsyncLifetime, ICollectionFixture<TwoDialects>
{
    public const string Name = "a gateway before both dialects";

    private readonly List<IAsyncDisposable> _servers = [];
    private readonly Scratch _scratch = new();

    /// <summary>Without <c>/v1</c>.</summary>
    public string Url { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        var openai = await Server.SimAsync(_scratch);
        _servers.Add(openai);
        var anthropic = await Server.SimAsync(_scratch);
        _servers.Add(anthropic);
        var gateway = await Server.UpAsync(_scratch, "--config", _scratch.Write("weir.json", $$"""
            {
              "providers": {
                "oa": { "dialect": "openai", "base_url": "{{openai.BaseUrl}}" },
                "an": { "dialect": "anthropic", "base_url": "{{anthropic.BaseUrl}}" }
              },
              "routes": {
                "openai": { "deployments": [ { "provider": "oa", "model": "sim-small" } ] },
                "anthropic": { "deployments": [ { "provider": "an", "model": "sim-small" } ] }
              }
            }
            """));
        _servers.Add(gateway);
        Url = gateway.Url;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Enumerable.Reverse(_servers))
            await server.DisposeAsync();
        _scratch.Dispose();
    }
}
