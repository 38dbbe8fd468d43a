using Weir.Tests.Retrieval.Embedding.Support;

namespace Weir.Tests.Retrieval.Embedding.Routed;

public sealed class RoutedLengthTests
{
    [Fact]
    public async Task Embed_FirstAnswerWasOdd_IsUnlearnedAndForgotten()
    {
        await using var harness = new ServiceHarness();
        harness.Route.Dimensions = 7;
        (await harness.EmbedAsync("r", "odd")).Vectors[0].Length.ShouldBe(7);
        harness.Route.Dimensions = 8;
        var error = (await harness.EmbedAsync("r", "a")).Error!;
        (error.Status, error.Code).ShouldBe((502, "bad_embeddings"));
        error.Message.ShouldContain("Ask again");

        (await harness.EmbedAsync("r", "a")).Vectors[0].Length.ShouldBe(8);
        var both = await harness.EmbedAsync("r", "odd", "a");
        both.Vectors.Select(vector => vector.Length).ShouldBe([8, 8]);
        both.Hits.ShouldBe(1);
    }

    [Fact]
    public async Task Embed_OddAnswersBetweenGoodOnes_AreNeverLearned()
    {
        await using var harness = new ServiceHarness();
        for (var i = 0; i < 6; i++)
        {
            harness.Route.Dimensions = i % 2 == 0 ? 8 : 7;
            (await harness.EmbedAsync("r", $"t{i}")).Error?.Code.ShouldBe(i % 2 == 0 ? null : "bad_embeddings");
        }

        harness.Route.Dimensions = 8;
        (await harness.EmbedAsync("r", "t0", "t1")).Vectors.ShouldAllBe(vector => vector.Length == 8);
    }

    [Fact]
    public async Task Embed_NewLengthWhereOthersAreKept_IsNoAnswerOfTwoLengths()
    {
        await using var harness = new ServiceHarness();
        await harness.EmbedAsync("r", "kept");
        harness.Route.Dimensions = 7;
        (await harness.EmbedAsync("r", "a")).Error!.Code.ShouldBe("bad_embeddings");
        (await harness.EmbedAsync("r", "kept", "a")).Error!.Code.ShouldBe("embedding_model_changed");
        (await harness.EmbedAsync("r", "kept", "a")).Vectors.ShouldAllBe(vector => vector.Length == 7);
    }

    [Fact]
    public async Task Embed_OddVectorInTheStore_IsAMissOfAnotherLength()
    {
        var store = new FakeCacheStore();
        await using (var first = new ServiceHarness(store))
        {
            first.Route.Dimensions = 7;
            await first.EmbedAsync("r", "odd");
        }

        await using var second = new ServiceHarness(store);
        (await second.EmbedAsync("r", "a")).Error.ShouldBeNull();
        var result = await second.EmbedAsync("r", "odd", "a");
        result.Vectors.ShouldAllBe(vector => vector.Length == 8);
        result.Hits.ShouldBe(1);
    }
}
