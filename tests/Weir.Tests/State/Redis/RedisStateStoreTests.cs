using Weir.State;

namespace Weir.Tests.State.Redis;

public sealed class RedisStateStoreTests(RedisFixture redis) : StoreContract, IClassFixture<RedisFixture>
{
    private readonly List<IStateStore> _replicas = [];

    protected override ValueTask<IStateStore> OpenAsync() => StateStores.OpenAsync(new StateOptions { Store = redis.Server.Url, CacheBytes = CacheBytes });

    protected override async ValueTask<IStateStore> OpenReplicaAsync()
    {
        var replica = await OpenAsync();
        _replicas.Add(replica);
        return replica;
    }

    public override async ValueTask InitializeAsync()
    {
        await redis.Server.SayAsync("FLUSHALL");
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        await base.DisposeAsync();
    }
}
