using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Embedding;
using Weir.Tests.Retrieval.Catalogs.Support;
using Weir.Tests.Support;
using static Weir.Tests.Retrieval.Catalogs.Support.CatalogHarness;

namespace Weir.Tests.Retrieval.Catalogs.Serving;

/// <summary>Catalogs whose embedding model becomes another, goes away or comes back; and what is counted of it all.</summary>
public sealed class CatalogModelTests : IAsyncDisposable
{
    private readonly ServiceProvider _provider = new ServiceCollection().AddMetrics().AddLogging().AddEmbeddingService().BuildServiceProvider();

    private EmbeddingService Embeddings => _provider.GetRequiredService<EmbeddingService>();

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    [Fact]
    public async Task Model_BecomesAnother_WordsAnswerUntilTheToolsAreEmbeddedAnew()
    {
        Configure(64);
        await using var replica = await new CatalogHarness(embeddings: Embeddings).StartAsync();
        var view = await replica.PutAsync(Alice, "tools", Tools("get_weather", "send_email"));
        view.Note.ShouldBeNull();
        Configure(128);
        await Eventually.TrueAsync(() => Embeddings.Snapshot().Models[0].Dimensions == 128);

        // Nobody waits for it: this search may fall before the new vectors or after.
        var first = await replica.SearchAsync(Alice, "tools", "weather");
        first.Results[0].Name.ShouldBe("get_weather");
        await Eventually.TrueAsync(() => replica.SearchAsync(Alice, "tools", "weather").GetAwaiter().GetResult().Note is null);
        (await replica.Catalogs.FindAsync(Alice, "tools")).View!.Version.ShouldBe(view.Version, "the tools are the same");
    }

    [Fact]
    public async Task Model_BecomesAnother_IsSeenWithoutASearch()
    {
        Configure(64);
        await using var replica = await new CatalogHarness(embeddings: Embeddings).StartAsync();
        await replica.PutAsync(Admin, "tools", Tools("get_weather") with { Global = true });
        var state = replica.Directory.All.Single();
        var before = state.Index!;
        Configure(128);
        await Eventually.TrueAsync(() => Embeddings.Snapshot().Models[0].Dimensions == 128);
        await Eventually.TrueAsync(() =>
        {
            _ = replica.Directory.TendAsync();
            return state.Index!.Revision != before.Revision && state.Index.Vectors is not null;
        });
        var built = state.Index;
        await replica.Directory.TendAsync();
        state.Index.ShouldBeSameAs(built, "what is up to date is left alone");
    }

    [Fact]
    public async Task Catalog_WithoutTools_IsUpToDate()
    {
        Configure(64);
        await using var replica = await new CatalogHarness(embeddings: Embeddings).StartAsync();
        await replica.PutAsync(Admin, "tools", Tools() with { Global = true });
        var found = await replica.SearchAsync(Alice, "tools", "weather");
        (found.Results.Count, found.Note).ShouldBe((0, null));
        var built = replica.Directory.All.Single().Index;
        await replica.Directory.TendAsync();
        replica.Directory.All.Single().Index.ShouldBeSameAs(built);
    }

    [Fact]
    public async Task Model_Away_WordsAloneUntilItIsBack()
    {
        Configure(64);
        await using var replica = await new CatalogHarness(limits: new CatalogLimits { VectorsAgain = TimeSpan.Zero }, embeddings: Embeddings).StartAsync();
        await replica.PutAsync(Alice, "tools", Tools("get_weather", "send_email"));
        Embeddings.Apply(new EmbeddingOptions { Models = new Dictionary<string, EmbeddingModelOptions> { ["other"] = new() } });
        var found = await replica.SearchAsync(Alice, "tools", "weather");
        found.Results[0].Name.ShouldBe("get_weather");
        found.Note.ShouldNotBeNull().ShouldContain("Words alone");
        var added = (await replica.Catalogs.UpsertAsync(Alice, "tools", Json("""[{"name":"new_tool"}]"""))).View!;
        (added.State, added.Note is null).ShouldBe(("ready", false));
        Configure(64);
        await Eventually.TrueAsync(() =>
        {
            _ = replica.Directory.TendAsync();
            return replica.SearchAsync(Alice, "tools", "new tool").GetAwaiter().GetResult().Note is null;
        });
    }

    [Fact]
    public async Task Metrics_CountToolsSearchesAndServers()
    {
        Configure(64);
        var server = new ScriptedMcpServer { List = _ => ScriptedMcpServer.Names("a", "b") };
        await using var replica = new CatalogHarness(transports: server, embeddings: Embeddings);
        var seen = new Dictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Scope == (object)replica.Meters)
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags, instrument.IsObservable));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Note(instrument, 1, tags, false));
        listener.Start();
        await replica.StartAsync();
        await replica.PutAsync(Alice, "mine", Tools("x"));
        await replica.PutAsync(Admin, "tools", new CatalogChange { Global = true, Mcp = [new() { Name = "box", Command = "scripted" }, new() { Name = "two", Command = "scripted" }] });
        await replica.EventuallyAsync("tools", view => view.Tools == 4 && view.Sources!.All(source => source.State == McpSourceState.Connected));
        await replica.SearchAsync(Alice, "mine", "x");
        listener.RecordObservableInstruments();
        Of("weir.catalogs.tools:global").ShouldBe(4);
        Of("weir.catalogs.tools:tenant").ShouldBe(1);
        Of("weir.catalogs.count:tenant").ShouldBe(1);
        Of("weir.catalogs.mcp.servers:connected").ShouldBe(2);
        Of("weir.catalogs.mcp.refreshes:read").ShouldBeGreaterThanOrEqualTo(2);
        Of("weir.catalogs.search.duration:hybrid").ShouldBe(1);
        Of("weir.catalogs.index.bytes").ShouldBePositive();
        server.IsAway = true;
        server.Die();
        await Eventually.TrueAsync(() => Of("weir.catalogs.mcp.servers:failed") == 2);
        await replica.Catalogs.DeleteAsync(Admin, "tools");
        await Eventually.TrueAsync(() => Of("weir.catalogs.mcp.servers:failed") == 0);
        Of("weir.catalogs.mcp.servers:connecting").ShouldBe(0);
        Of("weir.catalogs.mcp.servers:connected").ShouldBe(0);

        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, bool isWhole)
        {
            var name = instrument.Name + (tags.Length > 0 ? $":{tags[0].Value}" : "");
            lock (seen) seen[name] = isWhole ? value : seen.GetValueOrDefault(name) + value;
        }

        double Of(string name)
        {
            lock (seen) return seen.GetValueOrDefault(name);
        }
    }

    private void Configure(int dimensions) =>
        Embeddings.Apply(new EmbeddingOptions { Models = new Dictionary<string, EmbeddingModelOptions> { ["default"] = new() { Dimensions = dimensions } } });
}
