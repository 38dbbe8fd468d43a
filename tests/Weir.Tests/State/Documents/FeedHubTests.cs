using Weir.State;
using Weir.State.Documents;
using static Weir.Tests.State.Bodies;

namespace Weir.Tests.State.Documents;

public sealed class FeedHubTests
{
    [Fact]
    public async Task Watch_ReaderFallsBehind_GetsANewSnapshotThenGoesOn()
    {
        await using var store = await StateStores.OpenAsync(new StateOptions { Store = "memory" });
        await using var watch = new WatchReader(store, "p", "");
        var mirror = new FeedMirror();
        mirror.Apply(await watch.NextAsync());

        for (var i = 0; i < FeedSubscription.MaxCommits + 10; i++)
            await store.CommitAsync("p", Put($"k{i}", 0, "1"));
        mirror.Apply(await watch.NextAsync());
        mirror.Snapshots.ShouldBe(2);
        mirror.Documents.Count.ShouldBe(FeedSubscription.MaxCommits + 10);

        var last = await store.CommitAsync("p", Put("end", 0, "1"));
        mirror.Apply(await watch.NextAsync());
        mirror.Revision.ShouldBe(last);
        mirror.Snapshots.ShouldBe(2);
    }

    [Fact]
    public async Task Watch_StoreCloses_EndsWithAnError()
    {
        var store = await StateStores.OpenAsync(new StateOptions { Store = "memory" });
        await using var watch = new WatchReader(store, "p", "");
        await watch.NextAsync();
        var next = watch.NextAsync();

        await store.DisposeAsync();

        await Should.ThrowAsync<StoreUnavailableException>(() => next);
    }
}
