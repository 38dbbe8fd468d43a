using Weir.State;

namespace Weir.Tests.State.Memory;

public sealed class MemoryStateStoreTests : StoreContract
{
    protected override ValueTask<IStateStore> OpenAsync() => StateStores.OpenAsync(new StateOptions { Store = "memory", CacheBytes = CacheBytes });
}
