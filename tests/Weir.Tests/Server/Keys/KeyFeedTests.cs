using System.Net;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Keys;

public sealed class KeyFeedTests
{
    [Fact]
    public async Task Start_StoreAway_ServesAndIsStartingUntilTheKeysAreRead()
    {
        var time = new ManualTimeProvider();
        await using var inner = new MemoryStateStore(new StateOptions(), time);
        var (_, secret) = await new KeyStore(inner, time).CreateAsync(new KeyRequest(), CancellationToken.None);
        var store = new UnreliableStore(inner, new Random(1)) { Away = true };
        var starting = RunningServer.StartAsync(new() { Store = store, Time = time });
        await AdvanceUntilAsync(time, () => starting.IsCompleted);
        await using var server = await starting;

        using var ready = await server.Client.GetAsync("/health/ready");
        using var live = await server.Client.GetAsync("/health/live");
        using var refused = await server.SendAsync(HttpMethod.Get, "/v1/status", secret);

        ready.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await ready.Content.ReadAsStringAsync()).ShouldContain("\"starting\"");
        live.StatusCode.ShouldBe(HttpStatusCode.OK);
        // Not 401: whether the key is good is not known yet.
        refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        refused.Headers.RetryAfter.ShouldNotBeNull();

        store.Away = false;
        await AdvanceUntilAsync(time, () => server.Service<KeyRing>().Table is not null);

        (await server.Client.GetAsync("/health/ready")).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var answer = await server.SendAsync(HttpMethod.Get, "/v1/status", secret);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private static async Task AdvanceUntilAsync(ManualTimeProvider time, Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            i.ShouldBeLessThan(3000);
            time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(10);
        }
    }
}
