using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Keys;

public sealed class SharedKeyLimitsTests : IAsyncDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly MemoryStateStore _store;
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public SharedKeyLimitsTests() => _store = new MemoryStateStore(new StateOptions(), _time);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task TryEnter_AtSeveralReplicas_LimitsHoldTogether()
    {
        using var fleet = new LimitFleet(_store, _time, 3);
        var keys = fleet.Replicas.Select(replica => new Key(replica, _services, _time, new KeyRequest { RequestsPerMinute = 60, TokensPerMinute = 100_000 })).ToList();
        var entered = 0;
        for (var round = 0; round < 100; round++)
        {
            foreach (var key in keys)
            {
                // The first requests anywhere need no block.
                (round > 0 || key.TryEnter(100)).ShouldBeTrue();
                entered += round == 0 ? 1 : 0;
                while (key.TryEnter(100))
                    entered++;
                await key.Replica.RefillAsync();
            }

            _time.Advance(TimeSpan.FromMilliseconds(300));
        }

        entered.ShouldBeInRange(44, 60);
    }

    [Fact]
    public void TryEnter_InFlight_EachReplicaHasItsPartAndAtLeastOne()
    {
        using var fleet = new LimitFleet(_store, _time, 3);
        var wide = new Key(fleet.Replicas[0], _services, _time, new KeyRequest { MaxInFlight = 10 });
        var narrow = new Key(fleet.Replicas[1], _services, _time, new KeyRequest { MaxInFlight = 2 });

        Enumerable.Range(0, 10).Count(_ => wide.TryEnter(1, leave: false)).ShouldBe(3);
        Enumerable.Range(0, 10).Count(_ => narrow.TryEnter(1, leave: false)).ShouldBe(1);
    }

    private sealed class Key
    {
        private readonly KeyLimits _limits;
        private readonly Caller _caller;

        public Key(LimitFleet.Replica replica, IServiceProvider services, ManualTimeProvider time, KeyRequest request)
        {
            Replica = replica;
            var states = new KeyStates(time, replica.Windows);
            _limits = new KeyLimits(new KeyMetrics(services.GetRequiredService<IMeterFactory>(), new KeyRing(states)));
            _caller = new Caller(request.ToRecord("key_1", "weir_x", time.GetUtcNow()), states.Of("key_1"));
        }

        public LimitFleet.Replica Replica { get; }

        public bool TryEnter(int tokens, bool leave = true)
        {
            if (!_limits.TryEnter(_caller, tokens, out var permit, out var refusal))
            {
                refusal.Status.ShouldBe(429);
                (refusal.RetryAfter >= TimeSpan.FromMilliseconds(100)).ShouldBeTrue();
                return false;
            }

            if (leave)
                permit.Dispose();
            return true;
        }
    }
}
