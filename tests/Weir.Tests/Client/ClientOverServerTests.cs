using System.Net;
using System.Text.Json.Nodes;
using Weir.Client;
using Weir.Tests.Server;

namespace Weir.Tests.Client;

/// <summary>The client against the server itself, in this process.</summary>
public sealed class ClientOverServerTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private WeirClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _client = new WeirClient(_server.Client);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Embeddings_OfTheDefaultModel_AreEmbeddedExplainedAndCounted()
    {
        var answer = await _client.Embeddings.EmbedAsync(["hello world", "another", "hello world"]);

        answer.Vectors.ShouldAllBe(vector => vector.Length == 384);
        answer.Vectors[2].ToArray().ShouldBe(answer.Vectors[0].ToArray());
        (await _client.Embeddings.ExplainAsync("hello world")).ShouldSatisfyAllConditions(
            known => known.Model.ShouldBe("default"), known => known.Revision.Length.ShouldBe(32), known => known.Dimensions.ShouldBe(384), known => known.Calls!.Count.ShouldBeGreaterThan(0));
        (await _client.Embeddings.StatsAsync()).GetProperty("misses").GetInt64().ShouldBe(2);
    }

    [Fact]
    public async Task Embeddings_OfNoModel_AreRefusedAsTheServerSays() =>
        (await Should.ThrowAsync<WeirException>(() => _client.Embeddings.EmbedAsync("a", model: "nothing-such"))).Status.ShouldBe(HttpStatusCode.NotFound);

    [Fact]
    public async Task Collections_MadeFilledSearchedAndDeleted_AnswerAsTheClientReads()
    {
        var collections = _client.Collections;
        (await collections.CreateAsync("handbook", new() { Chunk = new(64, 8) })).Name.ShouldBe("handbook");

        (await collections.UpsertAsync("handbook", [new("a", "A weir is a low dam.") { Metadata = new JsonObject { ["year"] = 2024 } }, new("b", "")])).ShouldSatisfyAllConditions(
            result => result.Documents.ShouldBe(1), result => result.Failed.ShouldHaveSingleItem().Id.ShouldBe("b"));
        (await collections.UpsertTextAsync("handbook", "pumps", "# Pumps\nA pump lifts water.", markdown: true)).Chunks.ShouldBe(1);
        (await collections.UpsertAsync("handbook", Lines())).Documents.ShouldBe(2);

        foreach (var mode in Enum.GetValues<SearchMode>())
            (await collections.SearchAsync("handbook", new CollectionSearch("a pump lifts water") { Mode = mode, TopK = 1 })).ShouldHaveSingleItem().Heading.ShouldBe("Pumps");
        var filtered = await collections.SearchAsync("handbook", new CollectionSearch("dam") { Filter = new JsonObject { ["year"] = new JsonObject { ["$gte"] = 2020 } } });
        filtered.ShouldHaveSingleItem().DocumentId.ShouldBe("a");
        (await Should.ThrowAsync<WeirException>(() => collections.SearchAsync("handbook", new CollectionSearch("dam") { Filter = new JsonObject { ["$nor"] = 1 } }))).Code.ShouldBe("invalid_filter");

        await collections.DeleteDocumentAsync("handbook", "pumps");
        (await collections.GetAsync("handbook")).Documents.ShouldBe(3);
        await collections.DeleteAsync("handbook");
        (await Should.ThrowAsync<WeirException>(() => collections.GetAsync("handbook"))).Status.ShouldBe(HttpStatusCode.NotFound);

        static async IAsyncEnumerable<CollectionDocument> Lines()
        {
            yield return new("c", "Fish ladders help fish.");
            await Task.Yield();
            yield return new("d", "Sluices let water through.");
        }
    }

    [Fact]
    public async Task Catalogs_PutSearchedAndDeleted_AnswerAsTheClientReads()
    {
        var catalogs = _client.Catalogs;
        (await catalogs.PutToolsAsync("tools",
        [
            new("get_weather", "The weather of a place, today and tomorrow") { Category = "web", Parameters = JsonNode.Parse("""{"type":"object","properties":{"city":{"type":"string"}}}""") },
            new("get_forecast", "The weather forecast of a place") { Category = "web" },
            new("send_mail", "Sends a mail to somebody") { Category = "mail" },
        ])).Tools.ShouldBe(3);

        (await catalogs.SearchAsync("tools", "weather tomorrow", topK: 1)).ShouldHaveSingleItem().Name.ShouldBe("get_weather");
        (await catalogs.SimilarAsync("tools", "get_weather")).ShouldHaveSingleItem().Name.ShouldBe("get_forecast");
        (await catalogs.GetToolAsync("tools", "get_weather")).Parameters!["properties"]!["city"].ShouldNotBeNull();
        (await catalogs.ListAsync()).ShouldContain(catalog => catalog.Name == "tools");
        await catalogs.DeleteAsync("tools");
        (await Should.ThrowAsync<WeirException>(() => catalogs.GetAsync("tools"))).Status.ShouldBe(HttpStatusCode.NotFound);
    }
}
