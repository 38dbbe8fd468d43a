using Weir.Retrieval.Embedding;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding;

public sealed class EmbeddingServiceTests
{
    [Fact]
    public async Task Embed_ManyInputs_KeepsTheirOrderAndMakesDuplicatesOnce()
    {
        await using var harness = new ServiceHarness();
        var result = await harness.EmbedAsync("m", "a", "b", "a", "c", "b");

        result.Error.ShouldBeNull();
        result.Vectors.Select(vector => vector.ToArray()).ShouldBe(new[] { "a", "b", "a", "c", "b" }.Select(text => FakeModel.VectorOf("one", text, 8)));
        harness.Loader.Last.Calls.ShouldBe(3);
        (result.Hits, result.Joined, result.Revision).ShouldBe((0, 2, "one"));
        var again = await harness.EmbedAsync("m", "c", "a");
        (again.Hits, again.Joined, again.PaidTokens).ShouldBe((2, 0, 0));
        again.Tokens.ShouldBe(2);
        harness.Loader.Last.Calls.ShouldBe(3);
        (await harness.EmbedAsync("m")).Vectors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Embed_KnownText_IsAnsweredAtOnceAndSharesItsVector()
    {
        await using var harness = new ServiceHarness();
        var first = await harness.EmbedAsync("m", "a");
        var second = harness.Service.EmbedAsync(ServiceHarness.Request("m", "a"));
        second.IsCompletedSuccessfully.ShouldBeTrue();
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray((await second).Vectors[0], out var a).ShouldBeTrue();
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(first.Vectors[0], out var b).ShouldBeTrue();
        a.Array.ShouldBeSameAs(b.Array);
    }

    [Fact]
    public async Task Embed_OfAProvider_IsOneCallForAllThatIsMissing()
    {
        await using var harness = new ServiceHarness();
        var result = await harness.EmbedAsync("r", "a", "b", "a");
        result.Error.ShouldBeNull();
        harness.Route.Calls.ShouldBe(1);
        harness.Route.Asked.Single().Texts.ShouldBe(["a", "b"]);
        (result.Tokens, result.PaidTokens, result.Cost).ShouldBe((30, 20, 1.0));
        var more = await harness.EmbedAsync("r", "c", "b");
        harness.Route.Asked.Last().Texts.ShouldBe(["c"]);
        (more.Hits, more.PaidTokens, more.Cost).ShouldBe((1, 10, 0.5));
        more.Vectors[1].ToArray().ShouldBe(FakeModel.VectorOf("provider/model", "b", 8));
    }

    [Fact]
    public async Task Embed_FewerDimensions_AreTheBeginningAtUnitLengthAndAKeyOfTheirOwn()
    {
        await using var harness = new ServiceHarness();
        var whole = (await harness.EmbedAsync("m", "a")).Vectors[0].ToArray();
        var part = (await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Dimensions = 4 })).Vectors[0].ToArray();

        part.Length.ShouldBe(4);
        part.Sum(x => x * x).ShouldBe(1f, 1e-5f);
        (part[0] / part[1]).ShouldBe(whole[0] / whole[1], 1e-4f);
        (await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Dimensions = 8 })).Hits.ShouldBe(1);
        (await harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Dimensions = 3 })).Vectors[0].Length.ShouldBe(3);
        (await harness.EmbedAsync("r", "a")).Vectors[0].Length.ShouldBe(8);
    }

    [Fact]
    public async Task Embed_ImpossibleDimensions_AreRefused()
    {
        await using var harness = new ServiceHarness();
        var tooMany = (await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Dimensions = 9 })).Error.ShouldNotBeNull();
        (tooMany.Status, tooMany.Param).ShouldBe((422, "dimensions"));
        tooMany.Message.ShouldContain("have 8");
        (await harness.EmbedAsync(ServiceHarness.Request("m", "a") with { Dimensions = 0 })).Error!.Status.ShouldBe(400);
        (await harness.EmbedAsync("none", "a")).Error!.ShouldSatisfyAllConditions(e => e.Status.ShouldBe(404), e => e.Code.ShouldBe("model_not_found"));
    }

    [Fact]
    public async Task Embed_Tokens_AreCheckedAgainstTheVocabulary()
    {
        await using var harness = new ServiceHarness(loader: new FakeLoader { Tokenizer = new LetterTokenizer() }, options: Local());
        var good = await harness.EmbedAsync(Tokens([1, 2, 127]));
        good.Error.ShouldBeNull();
        good.Tokens.ShouldBe(3);
        var bad = (await harness.EmbedAsync(Tokens([1], [5, 128]))).Error.ShouldNotBeNull();
        bad.Status.ShouldBe(400);
        bad.Message.ShouldStartWith("input[1][1] is 128");
        (await harness.EmbedAsync(Tokens([-1]))).Error!.Message.ShouldContain("input[0][0] is -1");
        (await harness.EmbedAsync(Tokens([[]]))).Error!.Status.ShouldBe(400);
        (await harness.EmbedAsync("m", "abcdef")).Tokens.ShouldBe(6);

        await using var without = new ServiceHarness();
        (await without.EmbedAsync(Tokens([1]))).Error!.Code.ShouldBe("tokens_not_understood");
        (await without.EmbedAsync(Tokens([1]) with { Model = "r" })).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Embed_TokensAndTextOfTheSameBytes_AreDifferentInputs()
    {
        await using var harness = new ServiceHarness(loader: new FakeLoader { Tokenizer = new LetterTokenizer() }, options: Local());
        await harness.EmbedAsync(Tokens([97]));
        (await harness.EmbedAsync("m", "a\0\0\0")).Hits.ShouldBe(0);
    }

    [Fact]
    public async Task Embed_PoisonousInput_FailsThoseWhoAskForItAndNobodyElse()
    {
        await using var harness = new ServiceHarness();
        var poisoned = harness.EmbedAsync("m", "x", "poison", "y");
        var well = harness.EmbedAsync("m", "x", "y", "z");
        (await poisoned).Error!.Code.ShouldBe("embedding_failed");
        (await well).Error.ShouldBeNull();
        harness.Service.Snapshot().InFlight.ShouldBe(0);
        (await harness.EmbedAsync("m", "poison")).Error!.Status.ShouldBe(500);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(0)]
    public async Task Embed_ProviderThatGivesAnotherLength_IsABadAnswer(int dimensions)
    {
        await using var harness = new ServiceHarness();
        (await harness.EmbedAsync("r", "a")).Error.ShouldBeNull();
        harness.Route.Dimensions = dimensions;
        (await harness.EmbedAsync("r", "b")).Error!.Code.ShouldBe("bad_embeddings");
        (await harness.EmbedAsync("r", "a")).Hits.ShouldBe(1);
    }

    [Fact]
    public async Task Embed_PastItsTime_IsADeadlineAndTheWorkIsCalledBack()
    {
        var time = new ManualTimeProvider();
        await using var harness = new ServiceHarness(time: time);
        var cancelled = new TaskCompletionSource();
        harness.Route.Before = (_, token) =>
        {
            token.Register(() => cancelled.SetResult());
            return Task.Delay(Timeout.Infinite, token);
        };
        var request = ServiceHarness.Request("r", "a") with { Asker = ServiceHarness.Asker with { Timeout = TimeSpan.FromSeconds(3) } };
        (await harness.Service.AcquireAsync("r")).Model!.Dispose();
        var asking = harness.EmbedAsync(request);
        await harness.Route.Begun.WaitAsync();
        await time.WhenArmedAsync();
        time.Advance(TimeSpan.FromSeconds(3));
        (await asking).Error!.Status.ShouldBe(504);
        await cancelled.Task;
        harness.Service.Snapshot().ShouldSatisfyAllConditions(s => s.InFlight.ShouldBe(0), s => s.Unanswered.ShouldBe(1));
        harness.Route.Asked.Single().Asker.Timeout.ShouldBe(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task Constructor_OfModels_ServesThem()
    {
        var model = new FakeModel();
        await using (var service = new EmbeddingService(new Dictionary<string, ILocalModel> { ["a"] = model }))
        {
            service.Has("a").ShouldBeTrue();
            (await service.EmbedAsync(ServiceHarness.Request("a", "x"))).Vectors[0].ToArray().ShouldBe(FakeModel.VectorOf("fake", "x", 8));
        }

        model.IsDisposed.ShouldBeTrue();
        model.Faults.ShouldBeEmpty();
    }

    private static EmbeddingOptions Local() =>
        new() { Models = new Dictionary<string, EmbeddingModelOptions> { ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = "one" } } };

    private static EmbeddingRequest Tokens(params int[][] inputs) =>
        new() { Model = "m", Inputs = [.. inputs.Select(tokens => EmbeddingInput.OfTokens(tokens))], Asker = ServiceHarness.Asker };
}
