using Weir.Flow.Admission;
using Weir.Inference;
using Weir.Inference.Attempts;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Routing;

public sealed class DeploymentPickerTests : IDisposable
{
    private static readonly AdmissionTicket Ticket = new(5, 1, TimeSpan.FromMinutes(1), false);
    private readonly ManualTimeProvider _time = new();
    private readonly RouteTables _tables;
    private readonly DeploymentPicker _picker = new(new Random(3));

    public DeploymentPickerTests() => _tables = new RouteTables(_time);

    public void Dispose() => _tables.Dispose();

    // Each deployment has a provider of its own with room for `room` requests.
    private RouteModel Route(int room, Balance? balance, bool overflow, params (int Order, double Weight)[] deployments)
    {
        _tables.Apply(new InferenceOptions
        {
            Providers = deployments.Select((_, i) => $"p{i}").ToDictionary(
                name => name, _ => new ProviderOptions { BaseUrl = "http://127.0.0.1:1/v1", Limits = new LimitOptions { MaxConcurrency = room } }),
            Routes = new Dictionary<string, RouteOptions>
            {
                ["r"] = new()
                {
                    Balance = balance,
                    Overflow = overflow,
                    Deployments = [.. deployments.Select((d, i) => new DeploymentOptions { Provider = $"p{i}", Model = "m", Order = d.Order, Weight = d.Weight })],
                },
            },
        });
        return _tables.Current.Find("r")!;
    }

    private static void Fill(DeploymentModel deployment, int count)
    {
        for (var i = 0; i < count; i++)
        {
            deployment.State.Lane.TryEnter(Ticket, out _).ShouldBeTrue();
        }
    }

    [Fact]
    public void Pick_LowestOrderHasRoom_NeverLooksFurther()
    {
        var route = Route(2, null, overflow: true, (1, 1), (0, 1));

        for (var i = 0; i < 50; i++)
        {
            _picker.Pick(route, new Trail())!.Order.ShouldBe(0);
        }
    }

    [Fact]
    public void Pick_LowestOrderFull_QueuesAtItsLeastLoaded()
    {
        var route = Route(1, null, overflow: false, (0, 1), (0, 1), (1, 1));
        Fill(route.Deployments[0], 1);
        Fill(route.Deployments[1], 1);
        _ = route.Deployments[0].State.Lane.EnterAsync(Ticket).AsTask();

        _picker.Pick(route, new Trail()).ShouldBe(route.Deployments[1]);
    }

    [Fact]
    public void Pick_LowestOrderFullAndOverflow_TakesAHigherOrderThatHasRoom()
    {
        var route = Route(1, null, overflow: true, (0, 1), (1, 1));
        Fill(route.Deployments[0], 1);

        _picker.Pick(route, new Trail()).ShouldBe(route.Deployments[1]);

        Fill(route.Deployments[1], 1);
        _picker.Pick(route, new Trail()).ShouldBe(route.Deployments[0], "with no room anywhere it queues where it belongs");
    }

    [Fact]
    public void Pick_FailedPausedOrOpen_IsPassedOver()
    {
        var route = Route(5, null, overflow: false, (0, 1), (0, 1), (0, 1), (1, 1));
        var trail = new Trail();
        trail.Failed(0, 4, new Failure(FailureClass.Unavailable, "x"), 0);
        route.Deployments[1].State.Throttle(TimeSpan.FromSeconds(9));
        for (var i = 0; i < 10; i++)
        {
            route.Deployments[2].State.CountFailure();
        }

        _picker.Pick(route, trail).ShouldBe(route.Deployments[3], "same order first, then the next");
        trail.Failed(3, 4, new Failure(FailureClass.Unavailable, "x"), 0);
        _picker.Pick(route, trail).ShouldBeNull();
    }

    [Fact]
    public void Pick_Weighted_SharesByWeight()
    {
        var route = Route(1000, Balance.Weighted, overflow: false, (0, 1), (0, 3));
        const int draws = 4000;

        var second = Enumerable.Range(0, draws).Count(_ => _picker.Pick(route, new Trail()) == route.Deployments[1]);

        ((double)second / draws).ShouldBeInRange(0.71, 0.79);
    }

    [Fact]
    public void Pick_LeastBusyOfTwo_TakesTheOneWithMoreRoom()
    {
        var route = Route(10, Balance.LeastBusy, overflow: false, (0, 1), (0, 1));
        Fill(route.Deployments[0], 5);

        for (var i = 0; i < 50; i++)
        {
            _picker.Pick(route, new Trail()).ShouldBe(route.Deployments[1]);
        }
    }
}
