using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Weir.Flow.Limits;
using Weir.Inference.Limits;
using Weir.State;
using Weir.State.Memory;
using Weir.State.Replicas;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Limits;

/// <summary>Whole servers over a store that they share.</summary>
public sealed class SharedLimitsServerTests
{
    [Fact]
    public async Task Start_TwoServersOverOneStore_KnowEachOtherAndShareTheirLimits()
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await using var one = await RunningServer.StartAsync(new RunningServer.Options { Store = new SharedStore(store) });
        await using var other = await RunningServer.StartAsync(new RunningServer.Options { Store = new SharedStore(store) });
        var windows = one.App.Services.GetRequiredService<IPrepaidWindows>();
        await Eventually.TrueAsync(() => windows.Replicas == 2);
        other.App.Services.GetRequiredService<SharedWindows>().Replicas.ShouldBe(2);
        using var ready = await one.Client.GetAsync("/health/ready");
        ready.StatusCode.ShouldBe(HttpStatusCode.OK);
        var report = JsonDocument.Parse(await ready.Content.ReadAsStringAsync());
        report.RootElement.GetProperty("dependencies").GetProperty("limits").GetProperty("status").GetString().ShouldBe("ok");
    }

    [Fact]
    public async Task Start_StoreOfOneProcess_LimitsAreItsOwn()
    {
        await using var server = await RunningServer.StartAsync();

        server.App.Services.GetService<IPrepaidWindows>().ShouldBeNull();
        server.App.Services.GetRequiredService<ReplicaView>().Current.Count.ShouldBe(1);
    }
}
