using Weir.State;
using Weir.State.Memory;

namespace Weir.Tests.Retrieval.Collections;

public sealed class CollectionLookTests
{
    [Fact]
    public async Task Look_CollectionThatIsKnownHere_AsksTheStoreForNothing()
    {
        await using var memory = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        var store = new DyingStore(memory);
        await using var host = await CollectionHost.StartAsync(store);
        await host.PutAsync();
        (await host.Collections.LookAsync(host.Scope, "c", default)).Value!.Documents.ShouldBe(0);
        var reads = store.Reads;

        (await host.Collections.LookAsync(host.Scope, "c", default)).Value!.Name.ShouldBe("c");
        store.Reads.ShouldBe(reads);

        (await host.Collections.LookAsync(host.Scope, "nosuch", default)).Error!.Status.ShouldBe(404);
        (await host.Collections.LookAsync(new("another", false), "c", default)).Error!.Status.ShouldBe(404);
        store.Reads.ShouldBeGreaterThan(reads);
    }
}
