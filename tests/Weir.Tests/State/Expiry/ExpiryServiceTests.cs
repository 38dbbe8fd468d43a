using Weir.State.Expiry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Weir.State;
using Weir.Tests.Support;
using static Weir.Tests.State.Bodies;

namespace Weir.Tests.State.Expiry;

public sealed class ExpiryServiceTests
{
    [Fact]
    public async Task AddState_RunsExpiryBySteadyStoreTime()
    {
        var time = new ManualTimeProvider();
        await using var store = await StateStores.OpenAsync(new StateOptions { Store = "memory" }, time);
        await using var services = new ServiceCollection().AddLogging().AddSingleton<TimeProvider>(time).AddState(store).BuildServiceProvider();
        services.GetRequiredService<IStateStore>().ShouldBeSameAs(store);
        var expiry = services.GetServices<IHostedService>().OfType<ExpiryService>().ShouldHaveSingleItem();
        await store.CommitAsync("p", Put("a", 0, "1", store.Clock.Now + TimeSpan.FromSeconds(5)), Put("b", 0, "1"));
        await using var watch = new WatchReader(store, "p", "");
        await watch.NextAsync();

        await expiry.StartAsync(default);
        // How many ticks that takes is open: the next one is armed while time moves, or after.
        var deleted = watch.NextAsync();
        while (!deleted.IsCompleted)
        {
            await time.WhenArmedAsync();
            if (time.Elapsed < TimeSpan.FromSeconds(5))
                (await store.ReadAsync("p", "a")).ShouldNotBeNull();
            time.Advance(TimeSpan.FromSeconds(0.9));
            await Task.Yield();
        }

        (await deleted).ShouldBeOfType<Feed.Changes>().Items.ShouldHaveSingleItem().ShouldBe(new Change("a", null));
        await expiry.StopAsync(default);
    }
}
