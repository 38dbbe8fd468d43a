using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Catalogs.Documents;
using Weir.State;
using Weir.Tests.Retrieval.Catalogs.Support;
using Weir.Tests.State.Redis;
using Weir.Tests.Support;
using static Weir.Tests.Retrieval.Catalogs.Support.CatalogHarness;

namespace Weir.Tests.Retrieval.Catalogs.Serving;

/// <summary>Catalogs over the stores that people run.</summary>
public sealed class CatalogStoresTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-catalogs-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Sqlite_SwapsEditsAndARestart_KeepTheNewest()
    {
        var options = new StateOptions { DataFolder = _folder };
        long version;
        await using (var store = await StateStores.OpenAsync(options))
        {
            await using var replica = await new CatalogHarness(store, limits: new CatalogLimits { BlobsKept = TimeSpan.Zero }).StartAsync();
            for (var round = 0; round < 5; round++)
                await replica.PutAsync(Alice, "tools", Tools("get_weather", $"round_{round}"));
            version = (await replica.Catalogs.UpsertAsync(Alice, "tools", Json("""[{"name":"send_email"}]"""))).View!.Version;
            await replica.Blobs.SweepAsync(CancellationToken.None);
            (await store.ListAsync(CatalogDocuments.Partition, CatalogDocuments.DiscardPrefix)).ShouldBeEmpty();
        }

        await using var again = await StateStores.OpenAsync(options);
        await using var later = await new CatalogHarness(again).StartAsync();
        var found = await later.SearchAsync(Alice, "tools", "send_email");
        (found.Version, found.Results[0].Name).ShouldBe((version, "send_email"));
        (await later.Catalogs.ToolsAsync(Alice, "tools", null, 10, null)).Page!.Data.Select(tool => tool.Name).ShouldBe(["get_weather", "round_4", "send_email"]);
    }

    [Fact]
    public async Task Redis_TwoReplicas_OneHoldsTheServerAndTheOtherTakesOver()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var mcp = await HttpMcpServer.StartAsync("weather");
        await using var one = await StateStores.OpenAsync(new StateOptions { Store = redis.Url });
        await using var two = await StateStores.OpenAsync(new StateOptions { Store = redis.Url });
        CatalogHarness second;
        await using (var first = await new CatalogHarness(one).StartAsync())
        {
            await first.PutAsync(Admin, "tools", new CatalogChange { Global = true, Mcp = [new() { Name = "web", Url = mcp.Url.ToString() }] });
            await first.EventuallyAsync("tools", view => view is { Tools: 1, State: "ready" } && view.Sources![0].State == McpSourceState.Connected);

            // Only now is there another that could hold it.
            second = await new CatalogHarness(two).StartAsync();
            await second.EventuallyAsync("tools", view => view is { Tools: 1, State: "ready" } && view.Sources![0].State == McpSourceState.Connected);
            (await second.SearchAsync(Bob, "tools", "weather")).Results.ShouldHaveSingleItem();
            mcp.Made.ShouldBe(1, "one replica holds the server");
        }

        await using var left = second;
        mcp.Tools = ["weather", "mail"];
        await second.EventuallyAsync("tools", view => view is { Tools: 2, State: "ready" });
        mcp.Made.ShouldBe(2);
    }

    [Fact]
    public async Task Redis_SwapsOnOneReplica_AreSeenWholeByTheOther()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = await StateStores.OpenAsync(new StateOptions { Store = redis.Url });
        await using var two = await StateStores.OpenAsync(new StateOptions { Store = redis.Url });
        await using var first = await new CatalogHarness(one).StartAsync();
        await using var second = await new CatalogHarness(two).StartAsync();
        await first.PutAsync(Admin, "tools", Tools([.. Enumerable.Range(0, 10).Select(n => $"thing_v0_{n}")]) with { Global = true });
        await second.EventuallyAsync("tools", view => view is { State: "ready" });
        using var stop = new CancellationTokenSource();
        var searches = Task.Run(async () =>
        {
            for (long last = 0; !stop.IsCancellationRequested;)
            {
                var found = await second.SearchAsync(Bob, "tools", "thing", 10);
                found.Results.Count.ShouldBe(10);
                found.Results.Select(hit => hit.Name[..8]).Distinct().ShouldHaveSingleItem();
                found.Version.ShouldBeGreaterThanOrEqualTo(last);
                last = found.Version;
            }
        });
        long version = 0;
        for (var swap = 1; swap < 8; swap++)
            version = (await first.PutAsync(Admin, "tools", Tools([.. Enumerable.Range(0, 10).Select(n => $"thing_v{swap}_{n}")]))).Version;
        await second.EventuallyAsync("tools", view => view.Indexed == version);
        await stop.CancelAsync();
        await searches;
    }

    [Fact]
    public async Task Redis_Away_ChangesAreRefusedAndSearchesGoOn()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var store = await StateStores.OpenAsync(new StateOptions { Store = redis.Url });
        await using var replica = await new CatalogHarness(store).StartAsync();
        await replica.PutAsync(Alice, "tools", Tools("get_weather"));
        await redis.KillAsync();
        await Task.WhenAll(
            Should.ThrowAsync<StoreUnavailableException>(async () => await replica.Catalogs.PutAsync(Alice, "tools", Tools("b"))),
            Should.ThrowAsync<StoreUnavailableException>(async () => await replica.Catalogs.UpsertAsync(Alice, "tools", Json("""[{"name":"c"}]"""))));
        (await replica.SearchAsync(Alice, "tools", "weather")).Results.ShouldHaveSingleItem();
        (await replica.Catalogs.ListAsync(Alice)).ShouldHaveSingleItem();
        await redis.StartAsync();
        await Eventually.TrueAsync(() => TryPutAsync().GetAwaiter().GetResult());
        (await replica.SearchAsync(Alice, "tools", "weather")).Results[0].Name.ShouldBe("weather_again");

        async Task<bool> TryPutAsync()
        {
            try
            {
                return (await replica.Catalogs.PutAsync(Alice, "tools", Tools("weather_again"))).View is not null;
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        }
    }
}
