using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.Tests.House;
using Weir.Tests.Leases.Upkeep;

namespace Weir.Tests.Leases.Kinds;

/// <summary>The example of the documents does what they say.</summary>
public sealed class ScratchFolderKindTests : IAsyncLifetime
{
    private readonly UpkeepFleet _fleet = new();
    private readonly string _root = Path.Combine(Path.GetTempPath(), "weir-tests", Guid.NewGuid().ToString("N"));

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        if (Directory.Exists(_root))
            Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task Scratch_LeasedAndGivenBack_IsEmptiedAndGivenOutAgain()
    {
        var replica = await _fleet.StartAsync("a", configure: services => services.AddResourceKind<ScratchFolderKind>());
        await _fleet.PutKindAsync("scratch", new KindOptions { Capacity = 1, Settings = new Dictionary<string, string> { ["path"] = _root } });
        await _fleet.UntilAsync(() => _fleet.View.Resource("scratch.0") is { Value.State: ResourceState.Free });

        var asker = new LeaseAsker("t", "k", IsAdmin: false);
        var request = new LeaseRequest { WorkerId = "w", Demands = [new LeaseDemand("scratch", 1, null)] };
        var first = await AllocateAsync(replica, asker, request);
        var folder = first.Value.Holdings[0].Details!.Value.GetProperty("folder").GetString()!;
        await File.WriteAllTextAsync(Path.Combine(folder, "left.txt"), "behind");
        (await replica.Broker.ObserveAsync(asker, first.Value.Id, default)).ByResource["scratch.0"].Value!.Text!.ShouldContain(folder);
        await WaitAsync(replica.Broker.ReleaseAsync(asker, first.Value.Id, null, null, default));

        var second = await AllocateAsync(replica, asker, request);
        second.Value.Holdings[0].Details!.Value.GetProperty("folder").GetString().ShouldBe(folder);
        Directory.EnumerateFileSystemEntries(folder).ShouldBeEmpty();
    }

    [Fact]
    public async Task Scratch_WithoutAPath_IsRefusedWithTheSetting()
    {
        var replica = await _fleet.StartAsync("a", configure: services => services.AddResourceKind<ScratchFolderKind>());
        var answer = await replica.Desk.PutAsync("scratch", new KindOptions { Capacity = 1 }, default);
        (answer.Error!.Status, answer.Error.Param).ShouldBe((422, "settings.path"));
    }

    [Fact]
    public void Documents_Example_IsThisCode()
    {
        var code = File.ReadAllText(Repository.Path("tests/Weir.Tests/Leases/Kinds/ScratchFolderKind.cs")).ReplaceLineEndings("\n");
        var usings = code[..code.IndexOf("namespace ", StringComparison.Ordinal)];
        var shown = code[code.IndexOf("/// <summary>A folder", StringComparison.Ordinal)..].TrimEnd();
        File.ReadAllText(Repository.Path("docs/kinds.md")).ReplaceLineEndings("\n").ShouldContain(usings + shown);
    }

    private async Task<Weir.Leases.Fleet.Stored<LeaseRecord>> AllocateAsync(UpkeepReplica replica, LeaseAsker asker, LeaseRequest request)
    {
        var answer = await WaitAsync(replica.Broker.AllocateAsync(asker, request, default));
        answer.Error.ShouldBeNull();
        return answer.Lease!;
    }

    private async Task<T> WaitAsync<T>(Task<T> task)
    {
        await _fleet.UntilAsync(() => task.IsCompleted);
        return await task;
    }
}
