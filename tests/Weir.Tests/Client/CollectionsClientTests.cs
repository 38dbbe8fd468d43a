using System.Net;
using System.Text.Json.Nodes;
using Weir.Client;

namespace Weir.Tests.Client;

public sealed class CollectionsClientTests
{
    [Fact]
    public async Task Create_WithSettings_SendsThoseThatAreSet()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.Created, """{"name":"hand book","embedding_model":"default","documents":0,"state":"ready","created":3}""");

        var made = await server.Client().Collections.CreateAsync("hand book", new() { EmbeddingModel = "default", Chunk = new(128, 16), Weights = new(0.7, 0.3) });

        server.Requests.ShouldBe([("PUT /v1/collections/hand%20book", """{"embedding_model":"default","chunk":{"tokens":128,"overlap":16},"weights":{"dense":0.7,"sparse":0.3}}""")]);
        (made.Name, made.State, made.More!["created"].GetInt32()).ShouldBe(("hand book", "ready", 3));
    }

    [Fact]
    public async Task Upsert_ManyDocuments_AddsUpWhatCameOfTheParts()
    {
        var server = new ScriptedServer()
            .Then(HttpStatusCode.OK, """{"documents":499,"chunks":600,"unchanged":1,"failed":[{"id":"d3","code":"empty_text","message":"[3].text is empty."}]}""")
            .Then(HttpStatusCode.OK, """{"documents":100,"chunks":100,"unchanged":0,"failed":[]}""");

        var result = await server.Client().Collections.UpsertAsync("c", [.. Enumerable.Range(0, 600).Select(i => new CollectionDocument($"d{i}", "text"))]);

        (result.Documents, result.Chunks, result.Unchanged).ShouldBe((599, 700, 1));
        result.Failed.ShouldHaveSingleItem().Message.ShouldBe("[3].text is empty.");
    }

    [Fact]
    public async Task Upsert_Stream_WritesJsonLinesAndTellsOfProgress()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, """
            data: {"type":"progress","documents":1,"chunks":2}

            : still here

            data: {"type":"done","documents":2,"chunks":3,"unchanged":0,"failed":[{"line":3,"code":"invalid_json","message":"line 3 is no JSON."}]}


            """);
        var told = new Told();

        var result = await server.Client().Collections.UpsertAsync("c", Documents(), told);

        server.Requests.ShouldBe([("POST /v1/collections/c/documents", "{\"id\":\"a\",\"text\":\"x\\ny\",\"metadata\":{\"year\":2024}}\n{\"id\":\"b\",\"text\":\"z\"}\n")]);
        server.Heads[0].Headers.Accept.ToString().ShouldBe("text/event-stream");
        told.ShouldHaveSingleItem().ShouldBe(new IngestProgress(1, 2));
        (result.Documents, result.Chunks, result.Failed[0].Line).ShouldBe((2, 3, 3));
    }

    [Theory]
    [InlineData("data: {\"type\":\"error\",\"code\":\"state_unavailable\",\"message\":\"The store is away.\"}\n\n", "state_unavailable")]
    [InlineData("data: {\"type\":\"progress\",\"documents\":1}\n\n", "unreachable")]
    [InlineData("data: {nonsense\n\n", "unreachable")]
    public async Task Upsert_StreamThatEndsBadly_Says(string events, string code) =>
        (await Should.ThrowAsync<WeirException>(() => new ScriptedServer().Then(HttpStatusCode.OK, events).Client().Collections.UpsertAsync("c", Documents()))).Code.ShouldBe(code);

    [Fact]
    public async Task Upsert_SourceThatFails_ThrowsItsOwn()
    {
        await using var app = await RealServer.StartAsync();
        using var client = new WeirClient(app.Url);

        (await Should.ThrowAsync<InvalidDataException>(() => client.Collections.UpsertAsync("c", Failing()))).Message.ShouldBe("bad file");

        static async IAsyncEnumerable<CollectionDocument> Failing()
        {
            yield return new("a", "b");
            await Task.Yield();
            throw new InvalidDataException("bad file");
        }
    }

    [Fact]
    public async Task Upsert_StreamToARealServer_ArrivesLineByLine()
    {
        await using var app = await RealServer.StartAsync();
        using var client = new WeirClient(app.Url);

        var result = await client.Collections.UpsertAsync("c", Many());

        result.Documents.ShouldBe(10_000);

        static async IAsyncEnumerable<CollectionDocument> Many()
        {
            for (var i = 0; i < 10_000; i++)
            {
                if (i % 1000 == 0)
                    await Task.Yield();
                yield return new($"d{i}", "some text");
            }
        }
    }

    [Fact]
    public async Task UpsertText_Markdown_NamesItsTypeAndId()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, """{"documents":1,"chunks":1}""");

        await server.Client().Collections.UpsertTextAsync("c", "a/b c", "# Hi", markdown: true);

        server.Requests.ShouldBe([("POST /v1/collections/c/documents?id=a%2Fb%20c", "# Hi")]);
        server.Heads[0].Content!.Headers.ContentType!.ToString().ShouldBe("text/markdown; charset=utf-8");
    }

    [Fact]
    public async Task Search_WithAll_SendsAndReadsAll()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, """
            {"results":[{"document_id":"d","chunk_id":"d#0","text":"t","heading":"Guide","score":0.5,"scores":{"dense":0.4,"sparse":null},"metadata":{"year":2024},"later":1}]}
            """);

        var results = await server.Client().Collections.SearchAsync("c", new CollectionSearch("q")
        {
            TopK = 3, Mode = SearchMode.Sparse, Filter = new JsonObject { ["year"] = new JsonObject { ["$gte"] = 2020 } }, MinScore = 0.1,
        });

        server.Requests.ShouldBe([("POST /v1/collections/c/search", """{"query":"q","top_k":3,"mode":"sparse","filter":{"year":{"$gte":2020}},"min_score":0.1}""")]);
        var hit = results.ShouldHaveSingleItem();
        (hit.DocumentId, hit.ChunkId, hit.Text, hit.Heading, hit.Score, hit.Scores).ShouldBe(("d", "d#0", "t", "Guide", 0.5, new PartScores(0.4, null)));
        ((int)hit.Metadata!["year"]!).ShouldBe(2024);
    }

    [Fact]
    public async Task Rest_OfTheOperations_AskAsDocumented()
    {
        var server = new ScriptedServer()
            .Then(HttpStatusCode.OK, """{"data":[{"name":"c"}],"has_more":false}""").Then(HttpStatusCode.OK, """{"name":"c"}""")
            .Then(HttpStatusCode.NoContent, "").Then(HttpStatusCode.OK, """{"deleted":true}""").Then(HttpStatusCode.OK, """{"results":[]}""");
        var collections = server.Client().Collections;

        (await collections.ListAsync()).ShouldHaveSingleItem().Name.ShouldBe("c");
        (await collections.GetAsync("c")).Name.ShouldBe("c");
        await collections.DeleteDocumentAsync("c", "a/b");
        await collections.DeleteAsync("c");
        (await collections.SearchAsync("c", "q")).ShouldBeEmpty();

        server.Requests.ShouldBe(
            [("GET /v1/collections", ""), ("GET /v1/collections/c", ""), ("DELETE /v1/collections/c/documents/a%2Fb", ""), ("DELETE /v1/collections/c", ""), ("POST /v1/collections/c/search", """{"query":"q"}""")]);
    }

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    public void DeleteDocument_AnIdThatIsAStepInAPath_NeverReachesTheCollection(string id)
    {
        using var client = new WeirClient(new Uri("http://127.0.0.1:1"));

        Should.Throw<ArgumentException>(() => { _ = client.Collections.DeleteDocumentAsync("handbook", id); });
    }

    private static async IAsyncEnumerable<CollectionDocument> Documents()
    {
        yield return new("a", "x\ny") { Metadata = new JsonObject { ["year"] = 2024 } };
        await Task.Yield();
        yield return new("b", "z");
    }

    private sealed class Told : List<IngestProgress>, IProgress<IngestProgress>
    {
        public void Report(IngestProgress value) => Add(value);
    }
}
