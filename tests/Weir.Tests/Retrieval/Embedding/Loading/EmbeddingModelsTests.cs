using Microsoft.Extensions.DependencyInjection;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Loading;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Retrieval.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding.Loading;

public sealed class EmbeddingModelsTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Embed_HoweverManyAskFirst_LoadsOnce()
    {
        var loader = new FakeLoader();
        loader.Gate.Reset();
        await using var harness = new ServiceHarness(loader: loader, options: Of("one"));
        var asking = Enumerable.Range(0, 50).Select(i => harness.EmbedAsync("m", $"{i}")).ToArray();
        harness.Service.Snapshot().Models.Single().State.ShouldBe(EmbeddingModelState.Loading);
        loader.Gate.Set();
        (await Task.WhenAll(asking)).ShouldAllBe(result => result.Error == null);
        loader.Loaded.Count.ShouldBe(1);
        harness.Service.Snapshot().Models.Single().ShouldBe(new EmbeddingModelInfo
        {
            Name = "m", Kind = EmbeddingModelKind.Static, State = EmbeddingModelState.Ready, Revision = "one", Dimensions = 8, Bytes = 1000,
        });
    }

    [Fact]
    public async Task Apply_OfAChangedModel_ServesTheOldOneUntilTheNewIsReadyAndDisposesOfItAfterItsLastUser()
    {
        var loader = new FakeLoader();
        await using var harness = new ServiceHarness(loader: loader, options: Of("one"));
        (await harness.EmbedAsync("m", "a")).Revision.ShouldBe("one");
        var old = loader.Last;
        var (lease, _) = await harness.Service.AcquireAsync("m");
        await loader.Begun.WaitAsync();
        loader.Gate.Reset();
        harness.Service.Apply(Of("two"));
        await loader.Begun.WaitAsync();
        (await harness.EmbedAsync("m", "b")).Revision.ShouldBe("one");
        loader.Gate.Set();
        await Eventually.TrueAsync(() => harness.Service.Snapshot().Models.Single().Revision == "two");

        var result = await harness.EmbedAsync("m", "a");
        (result.Revision, result.Hits).ShouldBe(("two", 0));
        result.Vectors[0].ToArray().ShouldBe(FakeModel.VectorOf("two", "a", 8));
        old.IsDisposed.ShouldBeFalse();
        lease!.Model.ShouldBeSameAs(old);
        lease.Dispose();
        lease.Dispose();
        old.IsDisposed.ShouldBeTrue();
        old.Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task Apply_OfAModelThatCannotBeLoaded_KeepsTheLastGoodOneAndSaysSo()
    {
        await using var harness = new ServiceHarness(options: Of("one"));
        await harness.EmbedAsync("m", "a");
        harness.Service.Apply(Of("broken"));
        await Eventually.TrueAsync(() => harness.Service.Snapshot().Models.Single().Error is not null);
        harness.Service.Snapshot().Models.Single().ShouldSatisfyAllConditions(
            m => m.State.ShouldBe(EmbeddingModelState.Ready), m => m.Revision.ShouldBe("one"), m => m.Error.ShouldBe("the weights are torn"));
        (await harness.EmbedAsync("m", "b")).Revision.ShouldBe("one");
        harness.Service.Apply(Of("three"));
        await Eventually.TrueAsync(() => harness.Service.Snapshot().Models.Single() is { Error: null, Revision: "three" });
    }

    [Fact]
    public async Task Embed_OfAModelThatCannotBeLoaded_IsUnavailableAndTriedAgainLater()
    {
        var loader = new FakeLoader { Fails = true };
        await using var harness = new ServiceHarness(time: _time, loader: loader, options: Of("one"));
        var error = (await harness.EmbedAsync("m", "a")).Error.ShouldNotBeNull();
        (error.Status, error.Code, error.RetryAfter).ShouldBe((503, "embedding_model_unavailable", ModelSlot.RetryAfter));
        // Why is for admins and the log: it may name files of this machine.
        error.Message.ShouldNotContain("torn");
        harness.Service.Snapshot().Models.Single().Error.ShouldBe("the weights are torn");
        harness.Service.Snapshot().Models.Single().State.ShouldBe(EmbeddingModelState.Failed);
        loader.Fails = false;
        (await harness.EmbedAsync("m", "a")).Error.ShouldNotBeNull();
        _time.Advance(ModelSlot.RetryAfter);
        (await harness.EmbedAsync("m", "a")).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Apply_SameOptionsOverOtherFiles_LoadsThemAndOverTheSameDoesNot()
    {
        var loader = new FakeLoader();
        await using var harness = new ServiceHarness(loader: loader, options: Of("one"));
        await harness.EmbedAsync("m", "a");
        harness.Service.Apply(Of("one"));
        loader.Stamps["one"] = "written anew";
        harness.Service.Apply(Of("one"));
        await Eventually.TrueAsync(() => loader.Loaded.Count == 2 && loader.Loaded.First().IsDisposed);
        (await harness.EmbedAsync("m", "a")).Hits.ShouldBe(1);
    }

    [Fact]
    public async Task Apply_WeightsRenamedOverTheOld_LoadsThemBesideTheOld()
    {
        var folder = Directory.CreateTempSubdirectory("weir-replaced-");
        try
        {
            var (serving, next) = (Path.Combine(folder.FullName, "serving"), Path.Combine(folder.FullName, "next"));
            StaticModelFolder.Write(serving, 300, 16, seed: 1);
            StaticModelFolder.Write(next, 300, 16, seed: 2);
            await using var provider = new ServiceCollection().AddLogging().AddEmbeddingService().BuildServiceProvider();
            var service = provider.GetRequiredService<EmbeddingService>();
            var options = new EmbeddingOptions { Models = new Dictionary<string, EmbeddingModelOptions> { ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = serving } } };
            service.Apply(options);
            var before = (await service.EmbedAsync(ServiceHarness.Request("m", "a"))).Revision;
            var (held, _) = await service.AcquireAsync("m");

            // Written in the same moment they could have one time, by which files are told apart.
            File.SetLastWriteTimeUtc(Path.Combine(next, "model.safetensors"), new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));
            File.Move(Path.Combine(next, "model.safetensors"), Path.Combine(serving, "model.safetensors"), overwrite: true);
            (await service.EmbedAsync(ServiceHarness.Request("m", "a"))).Revision.ShouldBe(before);
            service.Apply(options);
            await Eventually.TrueAsync(() => service.DescribeModels().Single().Revision != before);

            (await service.EmbedAsync(ServiceHarness.Request("m", "a"))).ShouldSatisfyAllConditions(after => after.Hits.ShouldBe(0), after => after.Revision.ShouldNotBe(before));
            held!.Model.Revision.ShouldBe(before);
            held.Dispose();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Apply_WithoutAModel_EndsItAfterItsLastUser()
    {
        var loader = new FakeLoader();
        await using var harness = new ServiceHarness(loader: loader, options: Of("one"));
        var (lease, _) = await harness.Service.AcquireAsync("m");
        harness.Service.Apply(new EmbeddingOptions());
        harness.Service.Has("m").ShouldBeFalse();
        (await harness.EmbedAsync("m", "a")).Error!.Status.ShouldBe(404);
        loader.Last.IsDisposed.ShouldBeFalse();
        lease!.Dispose();
        loader.Last.IsDisposed.ShouldBeTrue();
    }

    [Fact]
    public async Task UnloadIdle_NobodyUsesIt_UnloadsItAndItComesBack()
    {
        var loader = new FakeLoader();
        await using var harness = new ServiceHarness(time: _time, loader: loader, options: Of("one") with { UnloadIdle = TimeSpan.FromMinutes(30) });
        var (lease, _) = await harness.Service.AcquireAsync("m");
        _time.Advance(TimeSpan.FromMinutes(40));
        loader.Last.IsDisposed.ShouldBeFalse();
        lease!.Dispose();
        await harness.EmbedAsync("m", "a");
        _time.Advance(TimeSpan.FromMinutes(29));
        loader.Last.IsDisposed.ShouldBeFalse();
        _time.Advance(TimeSpan.FromMinutes(2));
        loader.Last.IsDisposed.ShouldBeTrue();
        harness.Service.Snapshot().Models.Single().ShouldSatisfyAllConditions(
            m => m.State.ShouldBe(EmbeddingModelState.Unloaded), m => m.Revision.ShouldBe("one"), m => m.Bytes.ShouldBeNull());
        (await harness.EmbedAsync("m", "a")).Hits.ShouldBe(1);
        (await harness.EmbedAsync("m", "b")).Error.ShouldBeNull();
        loader.Loaded.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Embed_RouteThatLeadsElsewhere_IsAnotherRevision()
    {
        await using var harness = new ServiceHarness();
        var before = await harness.EmbedAsync("r", "a");
        harness.Route.Identity = "provider/other";
        harness.Route.Dimensions = 12;
        var after = await harness.EmbedAsync("r", "a");
        after.Error.ShouldBeNull();
        after.Revision.ShouldNotBe(before.Revision);
        after.Vectors[0].ToArray().ShouldBe(FakeModel.VectorOf("provider/other", "a", 12));
        harness.Route.Identity = "provider/model";
        (await harness.EmbedAsync("r", "a")).Hits.ShouldBe(1);
        harness.Route.Identity = null;
        (await harness.EmbedAsync("r", "a")).Error!.Message.ShouldContain("There is no route 'provider/model'.");
    }

    [Fact]
    public async Task Embed_RouteThatChangesDuringTheCall_GivesNeitherVectorAKey()
    {
        await using var harness = new ServiceHarness();
        harness.Route.Before = (_, _) =>
        {
            harness.Route.Identity = "provider/other";
            return Task.CompletedTask;
        };
        (await harness.EmbedAsync("r", "a")).Error!.Code.ShouldBe("embedding_model_changed");
        harness.Service.Snapshot().Cache.Entries.ShouldBe(0);
        harness.Route.Before = null;
        (await harness.EmbedAsync("r", "a")).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Load_OfConfiguredKinds_MakesThem()
    {
        await using var service = new EmbeddingService(new EmbeddingParts { Loader = new ModelLoader(() => null) });
        service.Apply(new EmbeddingOptions
        {
            Models = new Dictionary<string, EmbeddingModelOptions>
            {
                ["h"] = new() { Dimensions = 128 }, ["s"] = new() { Kind = EmbeddingModelKind.Static, Path = "/nowhere/at/all" }, ["r"] = new() { Kind = EmbeddingModelKind.Route, Route = "x" },
            },
        });
        var hashed = await service.EmbedAsync(ServiceHarness.Request("h", "some words"));
        hashed.Vectors[0].Length.ShouldBe(128);
        (await service.EmbedAsync(ServiceHarness.Request("s", "a"))).Error!.Message.ShouldNotContain("/nowhere");
        service.Snapshot().Models.Single(model => model.Name == "s").Error!.ShouldContain("/nowhere/at/all");
        (await service.EmbedAsync(ServiceHarness.Request("r", "a"))).Error!.Message.ShouldContain("There are no routes here.");
        service.Snapshot().Models.Select(model => model.State).ShouldBe([EmbeddingModelState.Ready, EmbeddingModelState.Failed, EmbeddingModelState.Failed]);
    }

    private static EmbeddingOptions Of(string path) => new()
    {
        Models = new Dictionary<string, EmbeddingModelOptions> { ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = path } },
        UnloadIdle = TimeSpan.Zero,
    };
}
