using System.ClientModel;
using System.ClientModel.Primitives;
using OpenAI;
using OpenAI.Embeddings;
using OpenAI.Models;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd.Sdks;

/// <summary>The official clients embed, through a model of the server's own and through one of a provider.</summary>
[Collection(EmbeddingServer.Name)]
public sealed class EmbeddingSdkTests(EmbeddingServer weir)
{
    [Theory]
    [InlineData("default", 384)]
    [InlineData("small", 64)]
    [InlineData("routed", 384)]
    public async Task GenerateEmbeddings_Texts_AreUnitVectorsInOrder(string model, int dimensions)
    {
        string[] texts = [$"a weir in {model}", "日本語のテキスト", $"a weir in {model}", "line\nbreak \"quoted\" 😀"];

        OpenAIEmbeddingCollection embeddings = await Client(model).GenerateEmbeddingsAsync(texts);

        embeddings.Count.ShouldBe(4);
        embeddings.Select(embedding => embedding.Index).ShouldBe([0, 1, 2, 3]);
        var vectors = embeddings.Select(embedding => embedding.ToFloats().ToArray()).ToArray();
        vectors.ShouldAllBe(vector => vector.Length == dimensions);
        vectors.ShouldAllBe(vector => Math.Abs(vector.Sum(value => (double)value * value) - 1) < 1e-4);
        vectors[2].ShouldBe(vectors[0]);
        vectors[1].ShouldNotBe(vectors[0]);
        embeddings.Usage.InputTokenCount.ShouldBeGreaterThan(0);
        embeddings.Model.ShouldBe(model);
    }

    [Theory]
    [InlineData("default", 128)]
    [InlineData("routed", 96)]
    public async Task GenerateEmbedding_FewerDimensions_AreGiven(string model, int dimensions)
    {
        OpenAIEmbedding embedding = await Client(model).GenerateEmbeddingAsync("some text", new EmbeddingGenerationOptions { Dimensions = dimensions, EndUserId = "someone" });

        embedding.ToFloats().Length.ShouldBe(dimensions);
    }

    [Fact]
    public async Task GenerateEmbeddings_Base64AndFloat_AreTheSameVector()
    {
        foreach (var model in (string[])["default", "routed"])
        {
            OpenAIEmbedding base64 = await Client(model).GenerateEmbeddingAsync("either way");
            var raw = await Client(model).GenerateEmbeddingsAsync(BinaryContent.Create(BinaryData.FromString($$"""{"model":"{{model}}","input":"either way"}""")));

            using var json = System.Text.Json.JsonDocument.Parse(raw.GetRawResponse().Content);
            json.RootElement.GetProperty("data")[0].GetProperty("embedding").EnumerateArray().Select(value => value.GetSingle()).ShouldBe(base64.ToFloats().ToArray());
        }
    }

    [Fact]
    public async Task GenerateEmbeddings_TokensForAModelWithoutATokenizer_AreRefusedWithASentence()
    {
        var refused = await Should.ThrowAsync<ClientResultException>(() =>
            Client("default").GenerateEmbeddingsAsync(BinaryContent.Create(BinaryData.FromString("""{"model":"default","input":[[1,2,3]]}"""))));

        refused.Status.ShouldBe(400);
        refused.Message.ShouldContain("token");
    }

    [Theory]
    [InlineData("""{"model":"default","input":["a",""]}""", 400, "input[1]")]
    [InlineData("""{"model":"default","input":[]}""", 400, "empty list")]
    [InlineData("""{"model":"default","input":"a","dimensions":100000}""", 400, "dimensions")]
    [InlineData("""{"model":"default","input":"a","dimensions":1000}""", 422, "384")]
    [InlineData("""{"model":"default","messages":[]}""", 400, "input")]
    [InlineData("""{"model":"defualt","input":"a"}""", 404, "default")]
    public async Task GenerateEmbeddings_Mistake_HasItsStatusAndPlace(string body, int status, string says)
    {
        var refused = await Should.ThrowAsync<ClientResultException>(() => Client("default").GenerateEmbeddingsAsync(BinaryContent.Create(BinaryData.FromString(body))));

        refused.Status.ShouldBe(status);
        refused.Message.ShouldContain(says);
    }

    [Fact]
    public async Task Models_OfEmbeddings_AreListed()
    {
        OpenAIModelCollection models = await new OpenAIModelClient(new ApiKeyCredential("any"), Options()).GetModelsAsync();

        models.Select(entry => entry.Id).ShouldBe(["chat", "default", "routed", "small"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("default")]
    [InlineData("routed")]
    public Task NpmPackage_OrdinaryFlows_Pass(string model) => NodeSdks.RunAsync("embeddings.mjs", weir.Url, model);

    private EmbeddingClient Client(string model) => new(model, new ApiKeyCredential("any"), Options());

    private OpenAIClientOptions Options() => new() { Endpoint = new Uri(weir.Url + "/v1"), RetryPolicy = new ClientRetryPolicy(maxRetries: 0) };
}
