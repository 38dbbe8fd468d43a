using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Keys;

public sealed class UsageLedgerTests : IAsyncLifetime
{
    private static readonly DateOnly Today = new(2030, 1, 1);

    private readonly ManualTimeProvider _time = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private MemoryStateStore _store = null!;

    public ValueTask InitializeAsync()
    {
        _store = new MemoryStateStore(new StateOptions(), _time);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _services.DisposeAsync();
    }

    [Fact]
    public async Task FlushAsync_TwoReplicas_AddUp()
    {
        var (one, two) = (new Replica(this, _store), new Replica(this, _store));
        one.Use("key_1", "fast", 10, 1m);
        two.Use("key_1", "fast", 5, 2m);
        two.Use("key_1", "slow", 1, 4m);

        (await one.Ledger.FlushAsync(CancellationToken.None)).ShouldBeTrue();
        (await two.Ledger.FlushAsync(CancellationToken.None)).ShouldBeTrue();

        var document = await SingleAsync(one);
        document.Models["fast@box"].ShouldBe(new UsageTotals(2, 15, 0, 3m));
        document.Models["slow@box"].ShouldBe(new UsageTotals(1, 1, 0, 4m));
        two.Spent("key_1").ShouldBe(7m);
    }

    [Fact]
    public async Task RefreshSpenders_KeyThatSpendsAtAnotherReplica_IsStoppedHere()
    {
        var (one, other) = (new Replica(this, _store), new Replica(this, _store));
        one.Use("key_1", "m", 1, 4m);
        await one.Ledger.FlushAsync(CancellationToken.None);
        await other.Ledger.RefreshSpendersAsync(CancellationToken.None);
        other.Spent("key_1").ShouldBe(4m);

        // Used just before midnight and written just after it.
        _time.Advance(TimeSpan.FromDays(1) - _time.GetUtcNow().TimeOfDay - TimeSpan.FromSeconds(1));
        one.Use("key_1", "m", 1, 2m);
        await other.Ledger.RefreshSpendersAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(3));
        await one.Ledger.FlushAsync(CancellationToken.None);
        await other.Ledger.RefreshSpendersAsync(CancellationToken.None);

        other.Spent("key_1").ShouldBe(6m);
    }

    [Fact]
    public async Task FlushAsync_Nothing_WritesNothing()
    {
        var replica = new Replica(this, _store);

        (await replica.Ledger.FlushAsync(CancellationToken.None)).ShouldBeTrue();

        (await _store.ListAsync(UsageLedger.Partition, "")).ShouldBeEmpty();
    }

    [Fact]
    public async Task LoadAsync_AfterARestart_KnowsWhatWasSpentThisMonth()
    {
        var before = new Replica(this, _store);
        before.Use("key_1", "fast", 1, 3m);
        await before.Ledger.FlushAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromDays(2));
        before.Use("key_1", "fast", 1, 4m);
        await before.Ledger.FlushAsync(CancellationToken.None);

        var after = new Replica(this, _store);
        await after.Ledger.LoadAsync(CancellationToken.None);

        after.Spent("key_1").ShouldBe(7m);
    }

    [Fact]
    public async Task Loop_EveryInterval_WritesAndAtStopWritesTheRest()
    {
        var replica = new Replica(this, _store);
        await replica.Ledger.StartAsync(CancellationToken.None);
        await _time.WhenArmedAsync();
        replica.Use("key_1", "fast", 1, 1m);
        _time.Advance(UsageLedger.Interval);
        await UntilAsync(async () => await ListAsync(replica) is { Count: 1 });
        replica.Use("key_1", "fast", 1, 1m);

        await replica.Ledger.StopAsync(CancellationToken.None);

        (await SingleAsync(replica)).Models["fast@box"].Requests.ShouldBe(2);
    }

    [Fact]
    public async Task FlushAsync_StoreAway_KeepsTheUsageAndStillCountsItAsSpent()
    {
        var store = new UnreliableStore(_store, new Random(1)) { Away = true };
        var replica = new Replica(this, store);
        replica.Use("key_1", "fast", 1, 1m);

        for (var i = 0; i < 20; i++)
        {
            (await replica.Ledger.FlushAsync(CancellationToken.None)).ShouldBeFalse();
            replica.Spent("key_1").ShouldBe(1m);
        }

        replica.Log.Events.ShouldBe(["usage_flush_failed"], "once per outage");
        store.Away = false;
        (await replica.Ledger.FlushAsync(CancellationToken.None)).ShouldBeTrue();
        (await replica.Ledger.FlushAsync(CancellationToken.None)).ShouldBeTrue();
        (await SingleAsync(replica)).Models["fast@box"].Requests.ShouldBe(1);
        replica.Spent("key_1").ShouldBe(1m);
        replica.Log.Events.ShouldBe(["usage_flush_failed", "usage_flushed_again"]);
    }

    [Fact]
    public async Task FlushAsync_UnreliableStoreAndManyDays_CountsEverythingExactlyOnce()
    {
        var seed = Random.Shared.Next();
        for (var round = 0; round < 40; round++)
        {
            var random = new Random(seed + round);
            await using var inner = new MemoryStateStore(new StateOptions(), _time);
            var store = new UnreliableStore(inner, new Random(seed - round)) { FaultRate = 0.4 };
            var replicas = new[] { new Replica(this, store), new Replica(this, store), new Replica(this, store) };
            var used = 0;
            for (var step = 0; step < 60; step++)
            {
                var replica = replicas[random.Next(3)];
                switch (random.Next(5))
                {
                    case < 3:
                        replica.Use("key_" + random.Next(3), "m" + random.Next(2), 1, 1m);
                        used++;
                        break;
                    case 3:
                        await replica.Ledger.FlushAsync(CancellationToken.None);
                        break;
                    default:
                        _time.Advance(TimeSpan.FromHours(random.Next(20)));
                        break;
                }
            }

            store.FaultRate = 0;
            foreach (var replica in replicas)
            {
                (await replica.Ledger.FlushAsync(CancellationToken.None)).ShouldBeTrue();
                (await replica.Ledger.FlushAsync(CancellationToken.None)).ShouldBeTrue();
                replica.Unwritten.ShouldBe(0);
            }

            var stored = (await inner.ListAsync(UsageLedger.Partition, UsageLedger.KeyPrefix, limit: 1000))
                .Select(d => System.Text.Json.JsonSerializer.Deserialize(d.Body.Span, KeyJson.Default.UsageDocument)!)
                .Sum(d => d.Models.Values.Sum(m => m.Requests));
            stored.ShouldBe(used, $"seed {seed}, round {round}");
        }
    }

    [Fact]
    public async Task FlushAsync_MoreModelsThanADocumentHolds_CountsTheRestTogether()
    {
        var replica = new Replica(this, _store);
        for (var i = 0; i < UsageCounter.MaxModels + 50; i++) replica.Use("key_1", "m" + i, 1, 0m);
        await replica.Ledger.FlushAsync(CancellationToken.None);
        for (var i = 0; i < 50; i++) replica.Use("key_1", "n" + i, 1, 0m);
        await replica.Ledger.FlushAsync(CancellationToken.None);

        var document = await SingleAsync(replica);
        document.Models.Count.ShouldBeLessThanOrEqualTo(UsageCounter.MaxModels + 1);
        document.Models.Values.Sum(m => m.Requests).ShouldBe(UsageCounter.MaxModels + 100);
    }

    [Theory]
    [InlineData("m@p", "m", "p")]
    [InlineData("m", "m", null)]
    [InlineData("a@b@p", "a@b", "p")]
    public void Split_OfName(string name, string model, string? provider) => UsageKey.Split(name).ShouldBe((model, provider));

    private static async Task<List<UsageDocument>> ListAsync(Replica replica)
    {
        var documents = new List<UsageDocument>();
        await foreach (var document in replica.Ledger.ListDayAsync(Today, CancellationToken.None)) documents.Add(document);
        return documents;
    }

    private static async Task<UsageDocument> SingleAsync(Replica replica) => (await ListAsync(replica)).ShouldHaveSingleItem();

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; !await condition(); i++)
        {
            i.ShouldBeLessThan(3000);
            await Task.Delay(10);
        }
    }

    private sealed class Replica
    {
        private readonly KeyStates _states;

        public Replica(UsageLedgerTests test, IStateStore store)
        {
            _states = new KeyStates(test._time);
            var ring = new KeyRing(_states);
            ring.Publish(KeyTable.Of([Bounded], _states));
            var metrics = new KeyMetrics(test._services.GetRequiredService<IMeterFactory>(), ring);
            Ledger = new UsageLedger(store, ring, _states, metrics, test._time, Log);
        }

        private static KeyRecord Bounded => new KeyRequest { Spend = new SpendLimit("month", 5m) }.ToRecord("key_1", "weir_x", DateTimeOffset.UnixEpoch);

        public RecordingLogger<UsageLedger> Log { get; } = new();

        public UsageLedger Ledger { get; }

        public int Unwritten => _states.All.Sum(s => s.WithUsage(u => u.Unwritten().Count));

        public void Use(string key, string model, long tokens, decimal cost) =>
            _states.Of(key).Count(new KeyUsage { Model = model, Provider = "box", InputTokens = tokens, Cost = cost });

        public decimal Spent(string key) => _states.Of(key).WithUsage(u => u.SpentSince(new DateOnly(2030, 1, 1)));
    }
}
