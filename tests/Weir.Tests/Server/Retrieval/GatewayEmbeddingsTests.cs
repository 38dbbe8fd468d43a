using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Models;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Retrieval.Embedding;
using Weir.Server.Retrieval;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Server.Retrieval;

public sealed class GatewayEmbeddingsTests
{
    private static readonly EmbeddingAsker Asker = new("tenant", "key");

    [Fact]
    public async Task EmbedAsync_ProviderThatGivesBase64_IsAskedForItAndRead()
    {
        await using var provider = new Provider();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(provider.Upstream));

        var result = await EmbedAsync(gateway, ["one", "two \"é\"", "three"], dimensions: 2);

        result.Error.ShouldBeNull();
        result.Vectors.Select(vector => vector.ToArray()).ShouldBe([[3, 0.5f], [7, 0.5f], [5, 0.5f]]);
        result.Tokens.ShouldBe(15);
        var sent = provider.Bodies.ShouldHaveSingleItem();
        sent.GetProperty("encoding_format").GetString().ShouldBe("base64");
        sent.GetProperty("dimensions").GetInt32().ShouldBe(2);
        sent.GetProperty("model").GetString().ShouldBe("real-model");
        sent.GetProperty("input")[1].GetString().ShouldBe("two \"é\"");
    }

    [Fact]
    public async Task EmbedAsync_ProviderThatIgnoresBase64_IsReadAllTheSame()
    {
        await using var provider = new Provider { IgnoresFormat = true };
        await using var gateway = new GatewayHarness(GatewayHarness.Route(provider.Upstream));

        (await EmbedAsync(gateway, ["one"])).Vectors[0].ToArray().ShouldBe([3, 0.5f]);
    }

    [Fact]
    public async Task EmbedAsync_ProviderThatRefusesBase64_IsAskedForNumbersFromThenOn()
    {
        await using var provider = new Provider { RefusesFormat = true };
        await using var gateway = new GatewayHarness(GatewayHarness.Route(provider.Upstream));
        var route = Of(gateway);

        (await route.EmbedAsync("fast", [EmbeddingInput.OfText("one")], null, Asker, CancellationToken.None)).Vectors[0].ToArray().ShouldBe([3, 0.5f]);
        provider.Bodies.Count.ShouldBe(2);
        (await route.EmbedAsync("fast", [EmbeddingInput.OfText("four")], null, Asker, CancellationToken.None)).Vectors[0].ToArray().ShouldBe([4, 0.5f]);
        provider.Bodies.Count.ShouldBe(3);
    }

    [Fact]
    public async Task EmbedAsync_Tokens_TravelAsTokens()
    {
        await using var provider = new Provider();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(provider.Upstream));

        var result = await Of(gateway).EmbedAsync("fast", [EmbeddingInput.OfTokens(new[] { 5, 6 })], null, Asker, CancellationToken.None);

        result.Error.ShouldBeNull();
        provider.Bodies.ShouldHaveSingleItem().GetProperty("input")[0].GetRawText().ShouldBe("[5,6]");
    }

    [Fact]
    public async Task EmbedAsync_MoreThanOneRequestHolds_IsDividedAndKeepsTheOrder()
    {
        await using var provider = new Provider();
        await using var gateway = new GatewayHarness(GatewayHarness.RouteOf(new ProviderOptions { Limits = new() { MaxBatch = 1000 } }, provider.Upstream));
        var texts = Enumerable.Range(0, 4500).Select(i => new string('x', 1 + (i % 700)) + i).ToArray();

        var result = await EmbedAsync(gateway, texts);

        result.Error.ShouldBeNull();
        result.Vectors.Select(vector => (int)vector.Span[0]).ShouldBe(texts.Select(text => text.Length));
        provider.Bodies.Count.ShouldBe(5);
        result.Tokens.ShouldBe(texts.Sum(text => text.Length));
    }

    [Fact]
    public async Task EmbedAsync_ProviderThatRefuses_KeepsStatusCodeAndWords()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(400, """{"error":{"message":"too long","code":"context_length_exceeded"}}"""));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var error = (await EmbedAsync(gateway, ["one"])).Error!;

        (error.Status, error.Code, error.Message).ShouldBe((400, "context_length_exceeded", "too long"));
    }

    [Fact]
    public async Task EmbedAsync_AnswerThatIsNone_IsTheProvidersFault()
    {
        await using var upstream = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"object":"list","data":[{"index":0,"embedding":[]}]}"""));
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var error = (await EmbedAsync(gateway, ["one"])).Error!;

        (error.Status, error.Code).ShouldBe((502, "bad_embeddings"));
        error.Message.ShouldContain("number 0 is not a list of finite numbers");
    }

    [Fact]
    public async Task EmbedAsync_UnknownRoute_IsSaid()
    {
        await using var upstream = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var result = await Of(gateway).EmbedAsync("gone", [EmbeddingInput.OfText("x")], null, Asker, CancellationToken.None);

        result.Error!.Status.ShouldBe(404);
        Of(gateway).IdentityOf("gone").ShouldBeNull();
        Of(gateway).IdentityOf("fast").ShouldBe("real-model@a");
    }

    [Fact]
    public async Task EmbedAsync_CallerWhoLeaves_IsCancelled()
    {
        using var gone = new CancellationTokenSource();
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await gone.CancelAsync();
            await exchange.ClosedByGatewayAsync();
        });
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        await Should.ThrowAsync<OperationCanceledException>(async () => await Of(gateway).EmbedAsync("fast", [EmbeddingInput.OfText("x")], null, Asker, gone.Token));
    }

    private static GatewayEmbeddings Of(GatewayHarness gateway) => new(gateway.Get<InferencePipeline>, gateway.Get<ModelDirectory>, gateway.Time);

    private static ValueTask<RoutedEmbeddings> EmbedAsync(GatewayHarness gateway, string[] texts, int? dimensions = null) =>
        Of(gateway).EmbedAsync("fast", [.. texts.Select(EmbeddingInput.OfText)], dimensions, Asker, CancellationToken.None);

    /// <summary>Gives a text's length and a half as its vector.</summary>
    private sealed class Provider : IAsyncDisposable
    {
        public Provider() => Upstream = new ScriptedUpstream(AnswerAsync);

        public ScriptedUpstream Upstream { get; }

        public bool IgnoresFormat { get; init; }

        public bool RefusesFormat { get; init; }

        public ConcurrentQueue<JsonElement> Bodies { get; } = new();

        public ValueTask DisposeAsync() => Upstream.DisposeAsync();

        private async Task AnswerAsync(Exchange exchange)
        {
            var body = JsonDocument.Parse(exchange.Request.Body).RootElement;
            Bodies.Enqueue(body);
            var isBase64 = body.TryGetProperty("encoding_format", out _) && !IgnoresFormat;
            if (isBase64 && RefusesFormat)
            {
                await exchange.RespondAsync(422, """{"error":{"message":"Extra inputs are not permitted: encoding_format"}}""");
                return;
            }

            var lengths = body.GetProperty("input").EnumerateArray().Select(input => input.ValueKind == JsonValueKind.String ? input.GetString()!.Length : input.GetArrayLength()).ToArray();
            var data = lengths.Select((length, i) => $$"""{"index":{{i}},"embedding":{{(isBase64 ? $"\"{Convert.ToBase64String(MemoryMarshal.AsBytes<float>([length, 0.5f]))}\"" : $"[{length},0.5]")}}}""");
            await exchange.RespondAsync(200, $$"""{"data":[{{string.Join(',', data)}}],"usage":{"prompt_tokens":{{lengths.Sum()}} } }""");
        }
    }
}
