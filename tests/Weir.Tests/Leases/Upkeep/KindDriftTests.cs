using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;
using Weir.State.Configured;

namespace Weir.Tests.Leases.Upkeep;

public sealed class KindDriftTests : IAsyncLifetime
{
    private readonly UpkeepFleet _fleet = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public void Between_EndpointsAndSecrets_NamesWhatDiffersAndShowsNoSecret()
    {
        var stored = new KindOptions { Warm = 1, Endpoints = [Endpoint("a", "http://one", "key-1"), Endpoint("b", "http://two", "key-2")], Settings = new Dictionary<string, string> { ["token"] = "hush-1" } };
        var wanted = new KindOptions { Capacity = 3, Endpoints = [Endpoint("b", "http://three", "key-3"), Endpoint("c", "http://four", "key-4")], Settings = new Dictionary<string, string> { ["token"] = "hush-2" } };
        var differences = KindDrift.Between(stored, wanted);
        differences.ShouldBe(
            [
                "capacity is not set, configured is 3", "warm is 1, configured is 0", "endpoints.a is there, configured is not set", "endpoints.b.base_url is http://two, configured is http://three",
                "endpoints.b.headers.authorization is not as configured", "endpoints.c is not set, configured is there", "settings.token is not as configured",
            ],
            ignoreOrder: true);
        string.Join(" ", differences).ShouldNotContain("key-");
        string.Join(" ", differences).ShouldNotContain("hush");
        KindDrift.Between(stored, stored with { Settings = new Dictionary<string, string> { ["token"] = "hush-1" } }).ShouldBeEmpty();
    }

    [Fact]
    public async Task Apply_Configuration_MakesWhatIsMissingAndLeavesWhatIsStored()
    {
        var replica = await _fleet.StartAsync("a");
        await _fleet.PutKindAsync("seat", new KindOptions { Capacity = 1 });
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["seat"] = new() { Capacity = 5 }, ["cell"] = new() { Capacity = 2 }, ["box"] = new() });
        await _fleet.UntilAsync(() => _fleet.View.Kind("cell") is not null && replica.Configured.Faults.ContainsKey("box"));
        _fleet.View.Kind("seat")!.Value.Options.Capacity.ShouldBe(1);
        replica.Logs.Events.ShouldContain("KindDiffers");

        var drift = replica.Get<IConfiguredDocuments>();
        var compared = await drift.CompareAsync(default);
        compared.Select(one => (one.Name, one.State)).ShouldBe([("box", DriftState.Missing), ("cell", DriftState.None), ("seat", DriftState.Differs)]);
        compared[0].Differences[0].ShouldContain("capacity is missing");
        (await drift.OverwriteAsync("seat", default)).ShouldBeNull();
        (await drift.OverwriteAsync("box", default))!.ShouldContain("capacity is missing");
        (await drift.OverwriteAsync("other", default)).ShouldNotBeNull();
        _fleet.View.Kind("seat")!.Value.Options.Capacity.ShouldBe(5);
    }

    [Fact]
    public async Task Apply_ReloadThatChangesOther_DoesNotMakeAgainWhatAnOperatorHasEnded()
    {
        var replica = await _fleet.StartAsync("a");
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["seat"] = new() { Capacity = 1 } });
        await _fleet.UntilAsync(() => _fleet.View.Kind("seat") is not null);
        await replica.Desk.DeleteAsync("seat", default);
        replica.Configured.Apply(new Dictionary<string, KindOptions> { ["seat"] = new() { Capacity = 1 } });
        await _fleet.PassAsync(TimeSpan.FromMinutes(1));
        _fleet.View.Kind("seat").ShouldBeNull();
    }

    private static RemoteEndpointOptions Endpoint(string id, string url, string key) => new() { Id = id, BaseUrl = url, Headers = new Dictionary<string, string> { ["authorization"] = key } };
}
