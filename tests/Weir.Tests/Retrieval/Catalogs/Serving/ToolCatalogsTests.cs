using System.Text.Json;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Embedding;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Retrieval.Catalogs.Support;
using static Weir.Tests.Retrieval.Catalogs.Support.CatalogHarness;

namespace Weir.Tests.Retrieval.Catalogs.Serving;

public sealed class ToolCatalogsTests
{
    [Fact]
    public async Task Put_AList_IsSearchedAtOnceAndSaysItsVersion()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        var view = await replica.PutAsync(Alice, "tools", Tools("get_weather", "send_email"));

        (view.State, view.Tools, view.Indexed).ShouldBe(("ready", 2, view.Version));
        var found = await replica.SearchAsync(Alice, "tools", "what is the weather like");
        found.Version.ShouldBe(view.Version);
        found.Results[0].Name.ShouldBe("get_weather");
        found.Results[0].Score.ShouldBeInRange(0.1, 1);
        found.Results[0].Reason.ShouldContain("(weather");
        found.Note.ShouldBeNull();
    }

    [Fact]
    public async Task Put_Again_ReplacesWholeAndTheSameListIsNoNewVersion()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        var first = await replica.PutAsync(Alice, "tools", Tools("get_weather", "send_email"));
        (await replica.PutAsync(Alice, "tools", Tools("get_weather", "send_email"))).Version.ShouldBe(first.Version);
        var second = await replica.PutAsync(Alice, "tools", Tools("read_file"));

        second.Version.ShouldBeGreaterThan(first.Version);
        (await replica.SearchAsync(Alice, "tools", "weather email file")).Results.Select(hit => hit.Name).ShouldBe(["read_file"]);
    }

    [Fact]
    public async Task Put_BadTools_NamesEveryPlace()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        var list = Json("""[{"name":"a"},{"description":"no name"},{"name":"a"},{"name":"b","parameters":3},{"name":"c d"},{"name":"e","colour":1},7]""");
        var (_, error) = await replica.Catalogs.PutAsync(Alice, "tools", new CatalogChange { Tools = list });

        error!.Status.ShouldBe(422);
        error.Param.ShouldBe("tools[1].name");
        foreach (var part in new[] { "tools[1].name is missing", "tools[2].name repeats 'a' of tools[0]", "tools[3].parameters must be", "tools[4].name must have", "tools[5].colour is not a field", "tools[6] must be an object" })
            error.Message.ShouldContain(part);
        (await replica.Catalogs.FindAsync(Alice, "tools")).Error!.Status.ShouldBe(404);
    }

    [Fact]
    public async Task Put_ShapesOfProviders_AreUnderstood()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        var list = Json("""[{"type":"function","function":{"name":"one","description":"d","parameters":{"type":"object"},"strict":true}},{"name":"two","input_schema":{"type":"object"}}]""");
        await replica.PutAsync(Alice, "tools", new CatalogChange { Tools = list });
        (await replica.Catalogs.ToolAsync(Alice, "tools", "two")).Tool!.Parameters!.Value.GetProperty("type").GetString().ShouldBe("object");
        (await replica.Catalogs.ToolAsync(Alice, "tools", "one")).Tool!.Description.ShouldBe("d");
    }

    [Fact]
    public async Task Limits_TooManyToolsOrTooLarge_AreRefusedWithTheFigure()
    {
        await using var replica = await new CatalogHarness(limits: new CatalogLimits { Tools = 2, ToolBytes = 100, Catalogs = 1 }).StartAsync();
        (await replica.Catalogs.PutAsync(Alice, "tools", Tools("a", "b", "c"))).Error!.Message.ShouldContain("at most 2");
        (await replica.Catalogs.PutAsync(Alice, "tools", Tools(new string('x', 90)))).Error!.Message.ShouldContain("a tool may take 100");
        await replica.PutAsync(Alice, "tools", Tools("a"));
        (await replica.Catalogs.PutAsync(Alice, "others", Tools("a"))).Error!.Code.ShouldBe("too_many_catalogs");
        await replica.PutAsync(Bob, "others", Tools("a"));
    }

    [Fact]
    public async Task Tenants_EachHasItsOwnAndReadsEverybodys()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Alice, "mine", Tools("a"));
        await replica.PutAsync(Admin, "shared", Tools("b") with { Global = true });

        (await replica.Catalogs.FindAsync(Bob, "mine")).Error!.Status.ShouldBe(404);
        (await replica.Catalogs.DeleteAsync(Bob, "mine"))!.Status.ShouldBe(404);
        (await replica.Catalogs.FindAsync(Bob, "shared")).View!.Global.ShouldBeTrue();
        (await replica.Catalogs.DeleteAsync(Bob, "shared"))!.Status.ShouldBe(403);
        (await replica.Catalogs.PutAsync(Bob, "shared", Tools("c") with { Global = true })).Error!.Status.ShouldBe(403);
        (await replica.PutAsync(Bob, "shared", Tools("c"))).Global.ShouldBeFalse();
        (await replica.SearchAsync(Bob, "shared", "c")).Results.ShouldHaveSingleItem().Name.ShouldBe("c");
        (await replica.SearchAsync(Alice, "shared", "b")).Results.ShouldHaveSingleItem().Name.ShouldBe("b");
        (await replica.PutAsync(Admin, "shared", Tools("d"))).Global.ShouldBeTrue("an admin means everybody's where only that one has the name");
        (await replica.Catalogs.ListAsync(Alice)).Select(view => view.Name).ShouldBe(["mine", "shared"]);
    }

    [Fact]
    public async Task Delete_ThenNothing_AndItsBlobGoes()
    {
        await using var replica = await new CatalogHarness(limits: new CatalogLimits { BlobsKept = TimeSpan.Zero }).StartAsync();
        await replica.PutAsync(Alice, "tools", Tools("a"));
        var blob = replica.Directory.Find(CatalogDocuments.KeyOf("alice", "tools"))!.Entry!.Record.Blob!;
        (await replica.Catalogs.DeleteAsync(Alice, "tools")).ShouldBeNull();
        (await replica.Catalogs.SearchAsync(Alice, "tools", new ToolQuery { Query = "a" })).Error!.Status.ShouldBe(404);
        await replica.Blobs.SweepAsync(CancellationToken.None);
        (await replica.Store.Blobs.OpenAsync(blob)).ShouldBeNull();
        (await replica.Store.ListAsync(CatalogDocuments.Partition, CatalogDocuments.DiscardPrefix)).ShouldBeEmpty();
    }

    [Fact]
    public async Task OtherReplicas_FollowAndARestartKeeps()
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await using var one = await new CatalogHarness(store).StartAsync();
        await using var two = await new CatalogHarness(store).StartAsync();
        var view = await one.PutAsync(Alice, "tools", Tools("get_weather"));
        await Eventually.TrueAsync(() => two.Catalogs.FindAsync(Alice, "tools").AsTask().GetAwaiter().GetResult().View is not null);
        (await two.SearchAsync(Alice, "tools", "weather")).Version.ShouldBe(view.Version);
    }

    [Fact]
    public async Task Embedding_Away_WordsAloneAndItSaysSo()
    {
        var none = new EmbeddingService(new Dictionary<string, ILocalModel>());
        await using var replica = await new CatalogHarness(embeddings: none).StartAsync();
        var view = await replica.PutAsync(Alice, "tools", Tools("get_weather", "send_email"));
        view.Note.ShouldNotBeNull().ShouldContain("Words alone");
        var found = await replica.SearchAsync(Alice, "tools", "weather");
        found.Results[0].Name.ShouldBe("get_weather");
        found.Note.ShouldNotBeNull();
    }

    [Fact]
    public async Task Similar_OfATool_IsNotItself()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Alice, "tools", new CatalogChange { Tools = JsonSerializer.SerializeToElement(Searching.ToolSet.Tools.Select(tool => new { tool.Name, tool.Description, tool.Category, tool.Parameters }), JsonSerializerOptions.Web) });
        var (results, _) = await replica.Catalogs.SimilarAsync(Alice, "tools", "create_event", 5, sameCategory: true);
        results!.Results.ShouldNotContain(hit => hit.Name == "create_event");
        results.Results.ShouldAllBe(hit => hit.Category == "calendar");
        results.Results.Count.ShouldBe(4);
        (await replica.Catalogs.SimilarAsync(Alice, "tools", "no_such", 5, true)).Error!.Code.ShouldBe("tool_not_found");
    }

    [Fact]
    public async Task Tools_InPages_AreAllThereOnce()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        var names = Enumerable.Range(0, 25).Select(n => $"tool_{n}").ToArray();
        await replica.PutAsync(Alice, "tools", Tools(names));
        var read = new List<string>();
        for (string? after = null; ;)
        {
            var page = (await replica.Catalogs.ToolsAsync(Alice, "tools", after, 10, null)).Page!;
            read.AddRange(page.Data.Select(tool => tool.Name));
            if ((after = page.After) is null)
                break;
        }

        read.ShouldBe(names);
    }

    [Fact]
    public async Task Search_WhileVersionsAreSwapped_SeesEachWhole()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Alice, "tools", Tools([.. Enumerable.Range(0, 20).Select(n => $"thing_v0_{n}")]));
        using var stop = new CancellationTokenSource();
        var searches = Task.Run(async () =>
        {
            long last = 0;
            while (!stop.IsCancellationRequested)
            {
                var found = await replica.SearchAsync(Alice, "tools", "thing", 20);
                found.Results.Count.ShouldBe(20);
                found.Results.Select(hit => hit.Name[..8]).Distinct().ShouldHaveSingleItem();
                found.Version.ShouldBeGreaterThanOrEqualTo(last);
                last = found.Version;
            }
        });
        for (var version = 1; version < 10; version++)
            await replica.PutAsync(Alice, "tools", Tools([.. Enumerable.Range(0, 20).Select(n => $"thing_v{version}_{n}")]));
        await stop.CancelAsync();
        await searches;
    }
}
