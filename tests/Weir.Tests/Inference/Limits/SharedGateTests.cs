using Weir.Flow.Admission;
using Weir.Flow.Limits;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Limits;

/// <summary>Gates of several replicas whose limits hold together.</summary>
public sealed class SharedGateTests : IAsyncDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly MemoryStateStore _store;

    public SharedGateTests() => _store = new MemoryStateStore(new StateOptions(), _time);

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task EnterAsync_BlockNotYetThere_WaitsAndIsAdmittedWhenItComes()
    {
        using var fleet = new LimitFleet(_store, _time, 3);
        using var gate = new AdmissionGate(new AdmissionLimits { RequestsPerMinute = 120 }, _time, windows: fleet.Replicas[0].Windows, name: "p");
        var lane = gate.OpenLane("a");
        Enumerable.Range(0, 30).Count(n => lane.TryEnter(new AdmissionTicket(5, 0, TimeSpan.Zero), out _)).ShouldBe(10);
        var waiting = Enumerable.Range(0, 20).Select(_ => lane.EnterAsync(new AdmissionTicket(5, 0, Timeout.InfiniteTimeSpan)).AsTask()).ToList();

        for (var round = 0; round < 4; round++)
            await fleet.Replicas[0].RefillAsync();

        // No time has passed: the blocks alone woke them.
        (await Task.WhenAll(waiting)).ShouldAllBe(result => result.IsAdmitted);
    }

    [Fact]
    public async Task TryEnter_LaneThatNarrows_HoldsOverReplicasToo()
    {
        using var fleet = new LimitFleet(_store, _time, 2);
        var admitted = 0;
        var lanes = fleet.Replicas.Select(replica =>
            new AdmissionGate(new AdmissionLimits { RequestsPerMinute = 1000 }, _time, windows: replica.Windows, name: "p")
                .OpenLane("a", new AdmissionLimits { RequestsPerMinute = 16 })).ToList();
        for (var round = 0; round < 30; round++)
        {
            foreach (var (lane, replica) in lanes.Zip(fleet.Replicas))
            {
                while (lane.TryEnter(new AdmissionTicket(5, 0, TimeSpan.Zero), out _))
                    admitted++;
                await replica.RefillAsync();
            }

            _time.Advance(TimeSpan.FromMilliseconds(500));
        }

        admitted.ShouldBeInRange(13, 16);
    }

    [Fact]
    public Task TryEnter_BackgroundAndOthersAtSeveralReplicas_TheBackgroundLeavesATenth() => RandomSchedule.RunAsync(20, async random =>
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStateStore(new StateOptions(), time);
        using var fleet = new LimitFleet(store, time, random.Next(2, 5));
        var limit = random.Next(100, 1000);
        var lanes = fleet.Replicas.Select(replica =>
            new AdmissionGate(new AdmissionLimits { RequestsPerMinute = limit }, time, windows: replica.Windows, name: "p").OpenLane("a")).ToList();
        var admitted = 0;
        for (var round = 0; round < 200; round++)
        {
            var i = random.Next(lanes.Count);
            while (lanes[i].TryEnter(new AdmissionTicket(5, 0, TimeSpan.Zero, IsBackground: true), out _))
                admitted++;
            await fleet.Replicas[i].RefillAsync();
            time.Advance(TimeSpan.FromMilliseconds(random.Next(200)));
        }

        admitted.ShouldBeLessThanOrEqualTo(limit - (limit / 10));
        admitted.ShouldBeGreaterThan(limit / 3);
    });

    [Fact]
    public void Apply_SeveralReplicas_EachHasItsPartOfWhatIsInFlight()
    {
        var windows = new CountedReplicas { Replicas = 4 };
        using var tables = new RouteTables(_time, windows);
        var provider = new ProviderOptions { BaseUrl = "http://127.0.0.1:1/v1", ApiKey = "k", Limits = new LimitOptions { MaxConcurrency = 80, StartConcurrency = 10 } };
        tables.Apply(new InferenceOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["p"] = provider },
            Routes = new Dictionary<string, RouteOptions>
            {
                ["r"] = new() { Deployments = [new DeploymentOptions { Provider = "p", Model = "m", Limits = new LimitOptions { MaxConcurrency = 3 } }] },
            },
        });
        var lane = tables.Current.Find("r")!.Deployments[0].State.Lane;

        (lane.Gate.Limit, lane.Limit).ShouldBe((2, 1));
        windows.Replicas = 1;
        (lane.Gate.Limit, lane.Limit).ShouldBe((10, 3));
        windows.Replicas = 2;
        (lane.Gate.Limit, lane.Limit).ShouldBe((10, 1));
    }

    private sealed class CountedReplicas : IPrepaidWindows
    {
        public event Action? ReplicasChanged;

        public int Replicas
        {
            get;
            set
            {
                field = value;
                ReplicasChanged?.Invoke();
            }
        }

        public PrepaidWindow Open(string name, long limit, Action? replenished = null) => throw new InvalidOperationException("Nothing is limited per minute.");
    }
}
