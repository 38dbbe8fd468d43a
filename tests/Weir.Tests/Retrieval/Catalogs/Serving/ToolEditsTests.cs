using System.Text.Json;
using Weir.Retrieval.Catalogs;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Flow;
using Weir.Tests.Retrieval.Catalogs.Support;
using Weir.Tests.Support;
using static Weir.Tests.Retrieval.Catalogs.Support.CatalogHarness;

namespace Weir.Tests.Retrieval.Catalogs.Serving;

/// <summary>Single tools added to catalogs and taken away.</summary>
public sealed class ToolEditsTests
{
    [Fact]
    public async Task Upsert_NewAndKnown_AreAtTheEndAndInPlace()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Alice, "tools", Tools("a", "b") with { Weights = new CatalogWeightOptions { Description = 1 } });
        var (view, error) = await replica.Catalogs.UpsertAsync(Alice, "tools", Json("""[{"name":"weather","description":"rain"},{"name":"a","description":"forecast"}]"""));
        error.ShouldBeNull();
        (view!.Tools, view.State, view.Weights.Description).ShouldBe((3, "ready", 1));
        (await NamesAsync(replica, Alice)).ShouldBe(["a", "b", "weather"]);
        (await replica.SearchAsync(Alice, "tools", "forecast")).Results[0].Name.ShouldBe("a");
        (await replica.Catalogs.UpsertAsync(Alice, "tools", Json("""[{"name":"weather","description":"rain"}]"""))).View!.Version.ShouldBe(view.Version, "the same tool is no new version");
    }

    [Fact]
    public async Task Upsert_WithoutACatalog_MakesTheCallersOwn()
    {
        await using var replica = await new CatalogHarness(limits: new CatalogLimits { Catalogs = 1 }).StartAsync();
        (await replica.Catalogs.UpsertAsync(Alice, "tools", Json("""[{"name":"a"}]"""))).View!.Tools.ShouldBe(1);
        (await replica.Catalogs.UpsertAsync(Alice, "second", Json("""[{"name":"a"}]"""))).Error!.Code.ShouldBe("too_many_catalogs");
        (await replica.Catalogs.UpsertAsync(Alice, "no name", Json("[]"))).Error!.Code.ShouldBe("invalid_name");
        (await replica.Catalogs.FindAsync(Bob, "tools")).Error!.Status.ShouldBe(404);
    }

    [Fact]
    public async Task Delete_ATool_ItIsFoundNoMore()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Alice, "tools", Tools("get_weather", "send_email"));
        (await replica.Catalogs.DeleteToolAsync(Alice, "tools", "get_weather")).ShouldBeNull();
        (await replica.SearchAsync(Alice, "tools", "get_weather")).Results.ShouldNotContain(hit => hit.Name == "get_weather");
        (await replica.Catalogs.DeleteToolAsync(Alice, "tools", "get_weather"))!.Code.ShouldBe("tool_not_found");
        (await replica.Catalogs.DeleteToolAsync(Bob, "tools", "send_email"))!.Code.ShouldBe("catalog_not_found");
        (await replica.Catalogs.DeleteToolAsync(Alice, "tools", "send_email")).ShouldBeNull();
        (await replica.Catalogs.FindAsync(Alice, "tools")).View!.Tools.ShouldBe(0);
        (await replica.SearchAsync(Alice, "tools", "email")).Results.ShouldBeEmpty();
    }

    [Fact]
    public async Task Edits_OfEverybodysCatalog_TakeAnAdmin()
    {
        await using var replica = await new CatalogHarness().StartAsync();
        await replica.PutAsync(Admin, "shared", Tools("a") with { Global = true });
        (await replica.Catalogs.UpsertAsync(Bob, "shared", Json("""[{"name":"b"}]"""))).Error!.Status.ShouldBe(403);
        (await replica.Catalogs.DeleteToolAsync(Bob, "shared", "a"))!.Status.ShouldBe(403);
        (await replica.Catalogs.UpsertAsync(Admin, "shared", Json("""[{"name":"b"}]"""))).View!.Global.ShouldBeTrue();
        (await replica.Catalogs.ListAsync(Bob)).ShouldHaveSingleItem().Tools.ShouldBe(2);
    }

    [Fact]
    public async Task Edits_OfServersTools_Conflict()
    {
        await using var replica = await new CatalogHarness(transports: new ScriptedMcpServer { List = _ => ScriptedMcpServer.Names("a") }).StartAsync();
        await replica.PutAsync(Admin, "tools", new CatalogChange { Global = true, Mcp = [new() { Name = "box", Command = "scripted" }] });
        await replica.EventuallyAsync("tools", view => view.Tools == 1);
        (await replica.Catalogs.UpsertAsync(Admin, "tools", Json("""[{"name":"b"}]"""))).Error!.ShouldSatisfyAllConditions(error => error.Status.ShouldBe(409), error => error.Code.ShouldBe("catalog_of_servers"));
        (await replica.Catalogs.DeleteToolAsync(Admin, "tools", "a"))!.Status.ShouldBe(409);
    }

    [Fact]
    public async Task Upsert_BadOrTooMany_ChangesNothing()
    {
        await using var replica = await new CatalogHarness(limits: new CatalogLimits { Tools = 3, CatalogBytes = 400 }).StartAsync();
        var view = await replica.PutAsync(Alice, "tools", Tools("a", "b"));
        (await replica.Catalogs.UpsertAsync(Alice, "tools", Json("""[{"name":"c"},{"name":"d"}]"""))).Error!.Message.ShouldContain("would make 4 tools");
        (await replica.Catalogs.UpsertAsync(Alice, "tools", Json("""[{"name":"c"},{"nome":"d"}]"""))).Error!.Message.ShouldContain("tools[1].nome");
        (await replica.Catalogs.UpsertAsync(Alice, "tools", JsonSerializer.SerializeToElement(new[] { new { name = "c", description = new string('x', 320) } }))).Error!.Message.ShouldContain("bytes in all");
        (await replica.Catalogs.FindAsync(Alice, "tools")).View!.Version.ShouldBe(view.Version);
    }

    [Fact]
    public async Task Upserts_ManyAtOnceOnTwoReplicas_AreAllThere()
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await using var one = await new CatalogHarness(store).StartAsync();
        await using var two = await new CatalogHarness(store).StartAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(n => (n % 2 == 0 ? one : two).Catalogs.UpsertAsync(Alice, "tools", Json($$"""[{"name":"t{{n}}"}]""")).AsTask()));
        answers.ShouldAllBe(answer => answer.Error == null);
        // What was answered at the other replica comes by the feed.
        await Eventually.TrueAsync(async () => (await NamesAsync(one, Alice)).Order().SequenceEqual(Enumerable.Range(0, 60).Select(n => $"t{n}").Order()));
    }

    [Fact]
    public Task RandomSchedule_EditsOfOneCatalog_EndAsTheyWereAnswered() => RandomSchedule.RunAsync(5, async random =>
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await using var one = await new CatalogHarness(store, limits: new CatalogLimits { BlobsKept = TimeSpan.Zero }).StartAsync();
        await using var two = await new CatalogHarness(store, limits: new CatalogLimits { BlobsKept = TimeSpan.Zero }).StartAsync();
        await one.PutAsync(Alice, "tools", Tools("keep"));
        var plans = Enumerable.Range(0, 4).Select(lane => Enumerable.Range(0, 8).Select(_ => (Tool: $"l{lane}_{random.Next(3)}", Deletes: random.Next(3) == 0, First: random.Next(2) == 0)).ToList()).ToList();
        var kept = await Task.WhenAll(plans.Select(async plan =>
        {
            var names = new HashSet<string>();
            foreach (var (tool, deletes, first) in plan)
            {
                var replica = first ? one : two;
                if (!deletes)
                {
                    (await replica.Catalogs.UpsertAsync(Alice, "tools", Json($$"""[{"name":"{{tool}}"}]"""))).Error.ShouldBeNull();
                    names.Add(tool);
                }
                else if (await replica.Catalogs.DeleteToolAsync(Alice, "tools", tool) is { } error)
                {
                    error.Code.ShouldBeOneOf(names.Contains(tool) ? "none" : "tool_not_found", names.Contains(tool) ? "none" : "catalog_not_found");
                }
                else
                {
                    names.Remove(tool).ShouldBeTrue();
                }
            }

            return names;
        }));
        await one.Blobs.SweepAsync(CancellationToken.None);
        await using var later = await new CatalogHarness(store).StartAsync();
        (await NamesAsync(later, Alice)).Order().ShouldBe(kept.SelectMany(names => names).Append("keep").Order());
    });

    private static async Task<IEnumerable<string>> NamesAsync(CatalogHarness replica, CatalogCaller caller) =>
        (await replica.Catalogs.ToolsAsync(caller, "tools", null, 1000, null)).Page!.Data.Select(tool => tool.Name);
}
