using Weir.Flow.Limits;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Limits;

/// <summary>What must hold whatever the schedule: no minute of all replicas together holds more than the limit while the store answers.</summary>
public sealed class SharedWindowsTests : IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly ManualTimeProvider _time = new();
    private readonly MemoryStateStore _store;

    public SharedWindowsTests() => _store = new MemoryStateStore(new StateOptions(), _time);

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public Task TryTake_RandomScheduleOfReplicas_NoMinuteHoldsMoreThanTheLimit() => RandomSchedule.RunAsync(40, async random =>
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStateStore(new StateOptions(), time);
        var replicas = random.Next(1, 5);
        using var fleet = new LimitFleet(store, time, replicas, random);
        var limit = random.Next(4) == 0 ? random.Next(1, 12) : random.Next(12, 2000);
        var biggest = random.Next(3) == 0 ? 1 : Math.Max(1, limit / random.Next(4, 40));
        // Some replicas can wait for their blocks, as a gate does; others are asked once, as for a key.
        var windows = fleet.Replicas.Select(replica => replica.Open(limit, random.Next(2) == 0 ? null : static () => { })).ToList();
        var taken = new List<Taken>();
        foreach (var replica in fleet.Replicas)
            replica.Store.Unanswered = random.Next(2) * random.NextDouble() * 0.2;
        var alive = windows.Select(_ => true).ToArray();
        var wasAway = false;

        for (var step = 0; step < 1500; step++)
        {
            var i = random.Next(windows.Count);
            switch (random.Next(12))
            {
                case < 6 when alive[i]:
                    for (var burst = random.Next(1, 12); burst > 0; burst--)
                    {
                        var amount = random.Next(1, biggest + 1);
                        if (windows[i].TryTake(amount, out var receipt))
                            taken.Add(new Taken(time.Elapsed, amount, i, receipt));
                    }

                    break;
                case < 9 when alive[i]:
                    await fleet.Replicas[i].RefillAsync();
                    wasAway |= fleet.Replicas[i].Windows.IsAway;
                    break;
                case 9 when taken.Count > 0 && taken[random.Next(taken.Count)] is var one && !one.IsSettled && alive[one.By]:
                    // What was not used is given back; it may have been taken long ago.
                    var actual = random.Next(one.Amount + 1);
                    windows[one.By].Settle(one.Receipt, one.Amount, actual);
                    (one.Amount, one.IsSettled) = (actual, true);
                    break;
                case 10 when random.Next(150) == 0 && alive.Count(a => a) > 1:
                    alive[i] = false;
                    break;
                default:
                    time.Advance(TimeSpan.FromMilliseconds(random.Next(10) == 0 ? random.Next(8000) : random.Next(300)));
                    break;
            }
        }

        // Answers that are lost for a second are an outage, and then each replica keeps to its part.
        Most(taken).ShouldBeLessThanOrEqualTo(wasAway ? Math.Max(2 * limit, limit + replicas) : limit, $"{replicas} replicas");
    });

    [Theory]
    [InlineData(1, 0.95)]
    [InlineData(2, 0.84)]
    [InlineData(3, 0.80)]
    [InlineData(4, 0.77)]
    public async Task TryTake_OneReplicaBearsAllTheLoad_UsesMostOfTheLimit(int replicas, double least)
    {
        using var fleet = new LimitFleet(_store, _time, replicas);
        var window = fleet.Replicas[0].Open(600);
        var taken = new List<Taken>();
        for (var at = TimeSpan.Zero; at < 3 * Minute; at += TimeSpan.FromMilliseconds(50))
        {
            while (window.TryTake(1, out _))
                taken.Add(new Taken(_time.Elapsed, 1, 0, 0));
            await fleet.Replicas[0].RefillAsync();
            _time.Advance(TimeSpan.FromMilliseconds(50));
        }

        Most(taken).ShouldBeLessThanOrEqualTo(600);
        (taken.Count(t => t.At >= Minute) / (2.0 * 600)).ShouldBeGreaterThan(least);
    }

    [Fact]
    public async Task TryTake_AllReplicasBearLoad_TogetherUseTheLimitAndNoneGoesWithout()
    {
        using var fleet = new LimitFleet(_store, _time, 3);
        var windows = fleet.Replicas.Select(replica => replica.Open(600)).ToList();
        var taken = new List<Taken>();
        for (var at = TimeSpan.Zero; at < 3 * Minute; at += TimeSpan.FromMilliseconds(50))
        {
            for (var i = 0; i < windows.Count; i++)
            {
                while (windows[i].TryTake(1, out _))
                    taken.Add(new Taken(_time.Elapsed, 1, i, 0));
                await fleet.Replicas[i].RefillAsync();
            }

            _time.Advance(TimeSpan.FromMilliseconds(50));
        }

        Most(taken).ShouldBeLessThanOrEqualTo(600);
        (taken.Count(t => t.At >= Minute) / (2.0 * 600)).ShouldBeGreaterThan(0.75);
        taken.GroupBy(t => t.By).Select(one => one.Count()).Min().ShouldBeGreaterThan(50);
    }

    [Fact]
    public async Task TryTake_MoreThanABlock_IsGrantedWhole()
    {
        using var fleet = new LimitFleet(_store, _time, 3);
        var told = 0;
        var window = fleet.Replicas[0].Open(12_000, () => told++);

        window.TryTake(5000, out _).ShouldBeFalse();
        await fleet.Replicas[0].RefillAsync();
        told.ShouldBe(1);
        window.TryTake(5000, out _).ShouldBeTrue();
    }

    [Fact]
    public async Task TryTake_MoreThanTheLimit_OnlyFromAnEmptyWindow()
    {
        using var fleet = new LimitFleet(_store, _time, 2);
        var window = fleet.Replicas[0].Open(100);
        var other = fleet.Replicas[1].Open(100);
        other.TryTake(1, out _).ShouldBeTrue();
        await fleet.Replicas[1].RefillAsync();

        window.TryTake(500, out _).ShouldBeFalse();
        await fleet.Replicas[0].RefillAsync();
        window.TryTake(500, out _).ShouldBeFalse();
        window.WaitFor(500).ShouldBeInRange(TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(64));
        _time.Advance(TimeSpan.FromSeconds(64));
        window.TryTake(500, out _).ShouldBeFalse();
        await fleet.Replicas[0].RefillAsync();
        window.TryTake(500, out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Settle_MoreThanEstimated_IsChargedToTheNextBlocks()
    {
        using var fleet = new LimitFleet(_store, _time, 2);
        var window = fleet.Replicas[0].Open(1000);
        window.TryTake(50, out var receipt).ShouldBeTrue();
        window.Settle(receipt, 50, 900);
        await fleet.Replicas[0].RefillAsync();

        var other = fleet.Replicas[1].Open(1000);
        other.TryTake(125, out _).ShouldBeTrue();
        other.TryTake(1, out _).ShouldBeFalse();
        await fleet.Replicas[1].RefillAsync();
        other.TryTake(1, out _).ShouldBeFalse();
        other.WaitFor(1).ShouldBeGreaterThan(TimeSpan.FromSeconds(50));
    }

    [Fact]
    public async Task TryTake_BlocksNotSpent_AreThereForOthersInTheNextSlot()
    {
        using var fleet = new LimitFleet(_store, _time, 2);
        var idle = fleet.Replicas[0].Open(800);
        for (var i = 0; i < 200; i++)
        {
            idle.TryTake(300, out _);
            await fleet.Replicas[0].RefillAsync();
        }

        var spent = idle.Used;
        _time.Advance(TimeSpan.FromSeconds(3));
        await fleet.Replicas[0].RefillAsync();
        var busy = fleet.Replicas[1].Open(800);
        var got = 0;
        for (var i = 0; i < 50; i++)
        {
            while (busy.TryTake(1, out _))
                got++;
            await fleet.Replicas[1].RefillAsync();
            _time.Advance(TimeSpan.FromMilliseconds(50));
        }

        (got + spent).ShouldBeInRange(700, 800);
    }

    [Fact]
    public Task TryTake_StoreAway_EachKeepsToItsPartAndSharesAgainAfterwards() => RandomSchedule.RunAsync(12, async random =>
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStateStore(new StateOptions(), time);
        var replicas = random.Next(1, 5);
        using var fleet = new LimitFleet(store, time, replicas, random);
        var limit = random.Next(replicas, 1000);
        var windows = fleet.Replicas.Select(replica => replica.Open(limit)).ToList();
        var taken = new List<Taken>();
        async Task PassAsync(TimeSpan span)
        {
            for (var end = time.Elapsed + span; time.Elapsed < end; time.Advance(TimeSpan.FromMilliseconds(random.Next(1, 400))))
            {
                for (var i = 0; i < windows.Count; i++)
                {
                    for (var burst = random.Next(limit); burst > 0 && windows[i].TryTake(1, out _); burst--)
                        taken.Add(new Taken(time.Elapsed, 1, i, 0));
                    await fleet.Replicas[i].RefillAsync();
                }
            }
        }

        await PassAsync(2 * Minute);
        Most(taken).ShouldBeLessThanOrEqualTo(limit);

        var left = time.Elapsed;
        foreach (var replica in fleet.Replicas)
            replica.Store.IsAway = true;
        await PassAsync(3 * Minute);
        fleet.Replicas.ShouldAllBe(replica => replica.Windows.IsAway);
        // Around the moment of leaving both what was shared and each one's part may have been spent; after a minute only the parts.
        Most(taken).ShouldBeLessThan(2 * limit);
        Most(taken.Where(t => t.At > left + Minute + TimeSpan.FromSeconds(5))).ShouldBeLessThanOrEqualTo(limit);
        taken.Where(t => t.At > left + Minute).GroupBy(t => t.By).Count().ShouldBe(replicas);

        foreach (var replica in fleet.Replicas)
            replica.Store.IsAway = false;
        await PassAsync(3 * Minute);
        fleet.Replicas.ShouldAllBe(replica => !replica.Windows.IsAway);
        Most(taken).ShouldBeLessThan(2 * limit);
        Most(taken.Where(t => t.At > time.Elapsed - (1.5 * Minute))).ShouldBeLessThanOrEqualTo(limit);
    });

    [Fact]
    public async Task RefillAsync_StoreThatNeverAnswers_IsAwayAfterASecondAndNobodyWaited()
    {
        using var fleet = new LimitFleet(_store, _time, 2);
        var replica = fleet.Replicas[0];
        replica.Store.IsSilent = true;
        var told = 0;
        var window = replica.Open(100, () => told++);
        window.TryTake(1, out _).ShouldBeTrue();
        var round = replica.RefillAsync();
        while (window.TryTake(1, out _))
        {
            // The advance.
        }

        window.Used.ShouldBe(12);
        round.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(1));
        await round.WaitAsync(TimeSpan.FromSeconds(30));

        (replica.Windows.IsAway, told).ShouldBe((true, 1));
        while (window.TryTake(1, out _))
        {
            // Its part.
        }

        window.Used.ShouldBe(50);
    }

    internal static long Most(IEnumerable<Taken> all)
    {
        var takes = all.OrderBy(take => take.At).ToList();
        var (most, sum, first) = (0L, 0L, 0);
        foreach (var take in takes)
        {
            sum += take.Amount;
            while (takes[first].At + Minute <= take.At)
                sum -= takes[first++].Amount;
            most = Math.Max(most, sum);
        }

        return most;
    }

    internal sealed class Taken(TimeSpan at, int amount, int by, long receipt)
    {
        public TimeSpan At => at;

        public int Amount { get; set; } = amount;

        public int By => by;

        public long Receipt => receipt;

        public bool IsSettled { get; set; }
    }
}
