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
        var expiry = services.GetServices<IHostedService>().ShouldHaveSingleItem();
        await store.CommitAsync("p", Put("a", 0, "1", store.Clock.Now + TimeSpan.FromSeconds(5)), Put("b", 0, "1"));
        await using var watch = new WatchReader(store, "p", "");
        await watch.NextAsync();

        await expiry.StartAsync(default);
        for (var i = 0; i < 6; i++)
        {
            await time.WhenArmedAsync();
            (await store.ReadAsync("p", "a")).ShouldNotBeNull();
            time.Advance(TimeSpan.FromSeconds(i < 5 ? 0.9 : 1));
        }

        (await watch.NextAsync()).ShouldBeOfType<Feed.Changes>().Items.ShouldHaveSingleItem().ShouldBe(new Change("a", null));
        await expiry.StopAsync(default);
    }
}
