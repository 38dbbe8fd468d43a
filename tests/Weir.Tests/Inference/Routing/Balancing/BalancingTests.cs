using Weir.Flow.Admission;
using Weir.Inference;
using Weir.Inference.Attempts;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Inference.Routing.Balancing;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Routing.Balancing;

public sealed class BalancingTests : IDisposable
{
    private static readonly AdmissionTicket Ticket = new(5, 1, TimeSpan.FromMinutes(1), false);
    private readonly ManualTimeProvider _time = new();
    private readonly RouteTables _tables;
    private DeploymentPicker _picker = new(new Random(11));

    public BalancingTests() => _tables = new RouteTables(_time);

    public void Dispose() => _tables.Dispose();

    private RouteModel Route(Balance balance, params double[] weights) => RouteOf(balance, false, [.. weights.Select((weight, i) => ($"p{i}", weight, 0))]);

    private RouteModel RouteOf(Balance balance, bool overflow, params (string Name, double Weight, int Order)[] deployments)
    {
        _tables.Apply(new InferenceOptions
        {
            Providers = deployments.ToDictionary(
                one => one.Name, _ => new ProviderOptions { BaseUrl = "http://127.0.0.1:1/v1", Limits = new LimitOptions { MaxConcurrency = 10_000 } }),
            Routes = new Dictionary<string, RouteOptions>
            {
                ["r"] = new()
                {
                    Balance = balance,
                    Overflow = overflow,
                    Deployments = [.. deployments.Select(one => new DeploymentOptions { Provider = one.Name, Model = "m", Weight = one.Weight, Order = one.Order })],
                },
            },
        });
        return _tables.Current.Find("r")!;
    }

    private static List<AdmissionPermit> Fill(DeploymentModel deployment, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => deployment.State.Lane.TryEnter(Ticket, out var permit) ? permit : throw new InvalidOperationException())];

    private int[] Draw(RouteModel route, int draws, Func<int, ulong>? affinity = null)
    {
        var counts = new int[route.Deployments.Length];
        for (var i = 0; i < draws; i++)
        {
            counts[Array.IndexOf(route.Deployments, _picker.Pick(route, new Trail(), affinity?.Invoke(i) ?? 0)!)]++;
        }

        return counts;
    }

    private static ulong Key(int i) => StableHash.Of(BitConverter.GetBytes(i));

    // Of k cells; bounds are the 99.9th percentiles of the chi-square distribution with k − 1 degrees of freedom.
    private static void ShouldFollow(int[] counts, double[] weights)
    {
        double[] bounds = [0, 10.83, 13.82, 16.27, 18.47, 20.52];
        var sum = weights.Sum();
        var chi = counts.Zip(weights, (count, weight) => Math.Pow(count - (counts.Sum() * weight / sum), 2) / (counts.Sum() * weight / sum)).Sum();
        chi.ShouldBeLessThan(bounds[counts.Length - 1], string.Join(", ", counts));
    }

    [Theory]
    [InlineData(1.0, 1.0)]
    [InlineData(1.0, 3.0, 6.0)]
    [InlineData(0.5, 0.5, 5.0, 1.0)]
    public void Pick_Weighted_FollowsTheWeights(params double[] weights) => ShouldFollow(Draw(Route(Balance.Weighted, weights), 10_000), weights);

    [Theory]
    [InlineData(1.0, 1.0)]
    [InlineData(1.0, 3.0, 6.0)]
    [InlineData(0.5, 0.5, 5.0, 1.0)]
    public void Pick_AffinityOfManySessions_FollowsTheWeights(params double[] weights) => ShouldFollow(Draw(Route(Balance.Affinity, weights), 10_000, Key), weights);

    [Fact]
    public void Pick_AffinityOfOneSession_IsAlwaysTheSame() => Draw(Route(Balance.Affinity, 1, 1, 1, 1), 100, _ => Key(5)).Max().ShouldBe(100);

    [Fact]
    public void Pick_AffinityAndADeploymentComesOrGoes_MovesOnlyItsOwnRequests()
    {
        string[] names = ["a", "b", "c", "d", "e"];
        var all = RouteOf(Balance.Affinity, false, [.. names.Select(name => (name, 1.0, 0))]);
        var before = Enumerable.Range(0, 2000).Select(i => _picker.Pick(all, new Trail(), Key(i))!.Name).ToArray();
        var fewer = RouteOf(Balance.Affinity, false, [.. names.Where(name => name != "c").Select(name => (name, 1.0, 0))]);
        var after = Enumerable.Range(0, 2000).Select(i => _picker.Pick(fewer, new Trail(), Key(i))!.Name).ToArray();

        for (var i = 0; i < before.Length; i++)
        {
            if (before[i] != "c/m")
            {
                after[i].ShouldBe(before[i]);
            }
        }

        after.Where((_, i) => before[i] == "c/m").Distinct().Count().ShouldBe(4, "what it had is shared by all others");
    }

    [Fact]
    public void Pick_AffinityUnderAnyLoad_KeepsWithinTheBound() => RandomSchedule.Run(50, random =>
    {
        var weights = Enumerable.Range(0, random.Next(2, 6)).Select(_ => (double)random.Next(1, 5)).ToArray();
        var route = Route(Balance.Affinity, weights);
        var held = new List<(DeploymentModel At, AdmissionPermit Permit)>();
        for (var i = 0; i < 400; i++)
        {
            if (held.Count > 0 && random.Next(3) == 0)
            {
                var one = random.Next(held.Count);
                held[one].Permit.Dispose();
                held.RemoveAt(one);
                continue;
            }

            // A few sessions only, so that the favourites are crowded.
            var target = _picker.Pick(route, new Trail(), Key(random.Next(3)))!;
            held.Add((target, Fill(target, 1)[0]));
            var most = Math.Ceiling(1.25 * held.Count * target.Weight / weights.Sum());
            ((double)target.State.Lane.InFlight).ShouldBeLessThanOrEqualTo(most);
        }

        held.ForEach(one => one.Permit.Dispose());
    });

    [Fact]
    public void Pick_AffinityAndFavouriteIsCrowded_GoesToTheNextAndBack()
    {
        var route = Route(Balance.Affinity, 1, 1, 1);
        var favourite = _picker.Pick(route, new Trail(), Key(1))!;
        var permits = Fill(favourite, 4);

        var next = _picker.Pick(route, new Trail(), Key(1))!;
        next.ShouldNotBe(favourite);
        _picker.Pick(route, new Trail(), Key(1)).ShouldBe(next, "the next in order, not any other");
        permits.ForEach(permit => permit.Dispose());

        _picker.Pick(route, new Trail(), Key(1)).ShouldBe(favourite);
    }

    [Fact]
    public void Pick_AffinityOfNothing_IsLeastBusy()
    {
        var route = Route(Balance.Affinity, 1, 1);
        Fill(route.Deployments[0], 5);

        Draw(route, 50)[1].ShouldBe(50);
    }

    [Fact]
    public void Pick_Latency_PrefersTheFasterAndCountsWhatItWorksOn()
    {
        var route = Route(Balance.Latency, 1, 1);
        route.Deployments[0].State.Latency.Answered(TimeSpan.FromMilliseconds(100));
        route.Deployments[1].State.Latency.Answered(TimeSpan.FromMilliseconds(300));

        Draw(route, 50)[0].ShouldBe(50);
        Fill(route.Deployments[0], 3);
        Draw(route, 50)[1].ShouldBe(50, "4 × 100 ms is more than 1 × 300 ms");
    }

    [Fact]
    public void Pick_LatencyOfOneThatFailsFast_IsAvoidedUntilItFades()
    {
        var route = Route(Balance.Latency, 1, 1);
        route.Deployments[0].State.Latency.Failed(TimeSpan.FromMilliseconds(1));
        route.Deployments[1].State.Latency.Answered(TimeSpan.FromMilliseconds(500));
        Draw(route, 50)[1].ShouldBe(50);

        for (var i = 0; i < 30; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            route.Deployments[1].State.Latency.Answered(TimeSpan.FromMilliseconds(500));
        }

        Draw(route, 50)[0].ShouldBe(50);
    }

    [Fact]
    public void Pick_LatencyNeverMeasured_IsTriedByOneAtATime()
    {
        var route = Route(Balance.Latency, 1, 1);
        route.Deployments[0].State.Latency.Answered(TimeSpan.FromMilliseconds(500));
        Draw(route, 50)[1].ShouldBe(50);
        Fill(route.Deployments[1], 1);
        Draw(route, 50)[0].ShouldBe(50);
    }

    [Fact]
    public void Waited_LongerThanTheFigure_RaisesItAndNeverLowersIt()
    {
        var latency = new PeakLatency(_time);
        latency.Answered(TimeSpan.FromSeconds(1));
        latency.Waited(TimeSpan.FromMilliseconds(1));
        latency.Seconds.ShouldBe(1, 0.01);

        latency.Waited(TimeSpan.FromSeconds(4));
        latency.Seconds.ShouldBe(4, 0.01);
    }

    [Fact]
    public void PeakLatency_SlowAnswerAndGoodOnes_IsUpAtOnceAndDownSlowly()
    {
        var latency = new PeakLatency(_time);
        latency.Answered(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        latency.Answered(TimeSpan.FromSeconds(0.1));
        latency.Seconds.ShouldBeInRange(0.9, 0.95);
        latency.Answered(TimeSpan.FromSeconds(4));
        latency.Seconds.ShouldBe(4, 0.001);
        _time.Advance(TimeSpan.FromSeconds(10));
        latency.Seconds.ShouldBe(4 / Math.E, 0.001);
    }

    [Fact]
    public void Answered_BreakerHasClosed_WarmsUpOver30Seconds()
    {
        var state = Route(Balance.Weighted, 1, 1).Deployments[0].State;
        state.Answered();
        state.Start.Share.ShouldBe(1, "nothing had failed");
        for (var i = 0; i < 10; i++)
        {
            state.CountFailure();
        }

        state.IsOpenToAll.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(15));
        state.TryPass(out var probe).ShouldBeTrue();
        probe.Succeeded();
        state.Answered();

        state.Start.Share.ShouldBe(0.1, 0.001);
        state.Answered();
        _time.Advance(TimeSpan.FromSeconds(15));
        state.Answered();
        state.Start.Share.ShouldBe(0.55, 0.001, "further answers do not begin it anew");
        _time.Advance(TimeSpan.FromSeconds(15));
        state.Start.Share.ShouldBe(1);
    }

    [Fact]
    public void Pick_OneWarmsUp_GetsItsShareOfTheWeightAndGrows()
    {
        var route = Route(Balance.Weighted, 1, 1);
        route.Deployments[0].State.Start.Begin();
        ShouldFollow(Draw(route, 10_000), [0.1, 1]);
        _time.Advance(TimeSpan.FromSeconds(15));
        ShouldFollow(Draw(route, 10_000), [0.55, 1]);
        _time.Advance(TimeSpan.FromSeconds(15));
        ShouldFollow(Draw(route, 10_000), [1, 1]);
    }

    [Fact]
    public void Pick_OnlyOneOfItsOrderWarmsUp_OverflowTakesWhatItHasNoRoomFor()
    {
        var route = RouteOf(Balance.LeastBusy, overflow: true, ("a", 1, 0), ("b", 1, 1));
        route.Deployments[0].State.Start.Begin();
        Fill(route.Deployments[0], 999);
        _picker.Pick(route, new Trail()).ShouldBe(route.Deployments[0]);
        Fill(route.Deployments[0], 1);
        _picker.Pick(route, new Trail()).ShouldBe(route.Deployments[1], "a tenth of 10,000 is in use");
    }

    [Theory]
    [InlineData(Balance.LeastBusy)]
    [InlineData(Balance.Weighted)]
    [InlineData(Balance.Latency)]
    [InlineData(Balance.Affinity)]
    public void Pick_AnyPolicy_AllocatesNothing(Balance balance)
    {
        var route = Route(balance, 1, 2, 3, 4);
        var trail = new Trail();
        for (var i = 0; i < 1000; i++)
        {
            _picker.Pick(route, trail, Key(1));
        }

        var key = Key(2);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            _picker.Pick(route, trail, key);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Pick_SeveralKeysOfOneProvider_AreDifferentDeployments()
    {
        _tables.Apply(new InferenceOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = "http://127.0.0.1:1/v1", ApiKeys = ["a", "b"] } },
            Routes = new Dictionary<string, RouteOptions>
            {
                ["r"] = new() { Balance = Balance.Affinity, Deployments = [new DeploymentOptions { Provider = "p", Model = "m" }] },
            },
        });
        _picker = new DeploymentPicker(new Random(1));

        Draw(_tables.Current.Find("r")!, 1000, Key).Min().ShouldBeGreaterThan(400);
    }
}
