using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Weir.Client;

namespace Weir.Tests.Client;

public sealed class EmbeddingsClientTests
{
    [Fact]
    public async Task Embed_Texts_AsksForBase64AndKeepsTheOrder()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, Answer((1, [0.6f, 0.8f]), (0, [1f, 0f])));

        var answer = await server.Client().Embeddings.EmbedAsync(["a", "b"], "m", dimensions: 2);

        server.Requests.ShouldBe([("POST /v1/embeddings", """{"model":"m","input":["a","b"],"dimensions":2,"encoding_format":"base64"}""")]);
        answer.Vectors[0].ToArray().ShouldBe([1f, 0f]);
        answer.Vectors[1].ToArray().ShouldBe([0.6f, 0.8f]);
        (answer.Model, answer.PromptTokens).ShouldBe(("m-1", 7));
    }

    [Fact]
    public async Task Embed_AnswerAsNumbers_IsReadToo()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, """{"data":[{"index":0,"embedding":[0.5,-1]}]}""");

        (await server.Client().Embeddings.EmbedAsync("a")).ToArray().ShouldBe([0.5f, -1f]);
    }

    [Fact]
    public async Task Embed_ManyTexts_AreSentInParts()
    {
        var server = new ScriptedServer();
        foreach (var count in (int[])[2048, 952])
            server.Then(HttpStatusCode.OK, Answer([.. Enumerable.Range(0, count).Select(i => (i, new float[] { i + 1, count }))]));

        var answer = await server.Client().Embeddings.EmbedAsync([.. Enumerable.Range(0, 3000).Select(i => $"t{i}")]);

        answer.Vectors[2047].ToArray().ShouldBe([2048f, 2048f]);
        answer.Vectors[2048].ToArray().ShouldBe([1f, 952f]);
        answer.PromptTokens.ShouldBe(14);
    }

    [Fact]
    public async Task Embed_LargeTexts_AreSentInPartsToo()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, Answer((0, [1f]))).Then(HttpStatusCode.OK, Answer((0, [2f])));

        (await server.Client().Embeddings.EmbedAsync([new string('a', 1_500_000), new string('b', 1_500_000)])).Vectors.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Embed_Nothing_AsksNothing() => (await new ScriptedServer().Client().Embeddings.EmbedAsync([])).Vectors.ShouldBeEmpty();

    [Theory]
    [InlineData("""{"data":[]}""")]
    [InlineData("""{"data":[{"index":1,"embedding":[1]}]}""")]
    [InlineData("""{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}""")]
    [InlineData("""{"data":[{"index":0,"embedding":"AAA="}]}""")]
    [InlineData("""{"data":[{"index":0,"embedding":"!"}]}""")]
    [InlineData("""{"data":[{"index":0,"embedding":["1"]}]}""")]
    [InlineData("""{"data":[{"index":0,"embedding":{}}]}""")]
    public async Task Embed_SpoiledAnswer_IsRefused(string body) =>
        (await Should.ThrowAsync<WeirException>(() => new ScriptedServer().Then(HttpStatusCode.OK, body).Client().Embeddings.EmbedAsync("a"))).Code.ShouldBe("invalid_answer");

    [Fact]
    public async Task Explain_Text_SaysWhatIsKnown()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, """
            {"model":"m","revision":"r","dimensions":2,"token_count":2,"tokens":[{"id":7,"text":"a"}],"cached":"store","in_flight":false,
             "calls":{"count":3,"first":"2026-01-01T00:00:00Z","last":"2026-01-02T00:00:00Z"}}
            """);

        var known = await server.Client().Embeddings.ExplainAsync("a", "m");

        server.Requests.ShouldBe([("POST /v1/embeddings/explain", """{"text":"a","model":"m"}""")]);
        (known.Revision, known.Dimensions, known.Tokens![0], known.Cached, known.Calls!.Count).ShouldBe(("r", 2, new TextToken(7, "a"), "store", 3));
    }

    [Fact]
    public async Task Generate_WithOptions_PassesThemAndSaysUsage()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, Answer((0, [1f, 0f])));
        var client = server.Client();
        using var generator = new WeirEmbeddingGenerator(client, "default", 384);

        var made = await generator.GenerateAsync(["a"], new() { ModelId = "potion", Dimensions = 2 });

        server.Requests[0].Body.ShouldContain("\"model\":\"potion\"");
        server.Requests[0].Body.ShouldContain("\"dimensions\":2");
        made[0].Vector.ToArray().ShouldBe([1f, 0f]);
        made[0].ModelId.ShouldBe("m-1");
        made.Usage!.InputTokenCount.ShouldBe(7);
        var metadata = generator.GetService<EmbeddingGeneratorMetadata>()!;
        (metadata.ProviderName, metadata.DefaultModelId, metadata.DefaultModelDimensions, metadata.ProviderUri!.Host).ShouldBe(("weir", "default", 384, "weir.test"));
        generator.GetService<WeirClient>().ShouldBe(client);
        generator.GetService<string>().ShouldBeNull();
    }

    private static string Answer(params (int Index, float[] Vector)[] vectors) => JsonSerializer.Serialize(new
    {
        @object = "list",
        data = vectors.Select(v => new { @object = "embedding", index = v.Index, embedding = Convert.ToBase64String(MemoryMarshal.AsBytes(v.Vector.AsSpan())) }),
        model = "m-1",
        usage = new { prompt_tokens = 7, total_tokens = 7 },
    });
}
