using Weir.Inference;
using Weir.Inference.Attempts;
using Weir.Inference.Load;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Attempts;

public sealed class RetryPolicyTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private readonly ManualTimeProvider _time = new();
    private readonly RouteTables _tables;
    private readonly LoadProfiles _load;
    private readonly RetryPolicy _policy;
    private readonly Trail _trail = new();

    public RetryPolicyTests()
    {
        _tables = new RouteTables(_time);
        _load = new LoadProfiles(_time);
        _load.Apply(new LoadOptions { Profile = LoadProfileName.Balanced });
        _policy = new RetryPolicy(_time, new Random(1), _load);
    }

    public void Dispose() => _tables.Dispose();

    private RouteModel Route(int deployments, RetryOptions? retry = null)
    {
        var names = Enumerable.Range(0, deployments).Select(i => $"p{i}").ToList();
        _tables.Apply(new InferenceOptions
        {
            Providers = names.ToDictionary(name => name, _ => new ProviderOptions { BaseUrl = "http://127.0.0.1:1/v1", Retry = retry }),
            Routes = new Dictionary<string, RouteOptions>
            {
                ["r"] = new() { Deployments = [.. names.Select(name => new DeploymentOptions { Provider = name, Model = "m" })] },
            },
        });
        return _tables.Current.Find("r")!;
    }

    private void Fail(RouteModel route, int deployment, FailureClass kind, TimeSpan? retryAfter = null)
    {
        var failure = new Failure(kind, "x") { RetryAfter = retryAfter };
        var ready = _time.GetTimestamp() + _policy.Backoff(failure, _trail).Ticks;
        _trail.Failed(deployment, route.Deployments.Length, failure, ready);
    }

    [Theory]
    [InlineData(FailureClass.KeyRefused)]
    [InlineData(FailureClass.DeploymentRefused)]
    [InlineData(FailureClass.Absent)]
    [InlineData(FailureClass.Timeout)]
    [InlineData(FailureClass.Broken)]
    public void Decide_ClassThatIsNeverTriedHereAgain_GivesUp(object kind)
    {
        var route = Route(1);
        Fail(route, 0, (FailureClass)kind);

        _policy.Decide(route, _trail, Long).ShouldBe(RetryDecision.GiveUp);
    }

    [Fact]
    public void Decide_SeveralFailed_TakesTheOneThatIsReadyFirst()
    {
        var route = Route(3);
        Fail(route, 0, FailureClass.Unavailable, TimeSpan.FromSeconds(9));
        Fail(route, 1, FailureClass.Unavailable, TimeSpan.FromSeconds(3));
        Fail(route, 2, FailureClass.Timeout);

        _policy.Decide(route, _trail, Long).ShouldBe(new RetryDecision(1, TimeSpan.FromSeconds(3), AtHead: false));
    }

    [Fact]
    public void Decide_WaitPastTheDeadline_GivesUpAtOnce()
    {
        var route = Route(1);
        Fail(route, 0, FailureClass.Unavailable, TimeSpan.FromSeconds(30));

        _policy.Decide(route, _trail, TimeSpan.FromSeconds(20)).ShouldBe(RetryDecision.GiveUp);
    }

    [Fact]
    public void Backoff_OfTheNetwork_IsFullJitterUnderADoublingBound()
    {
        var failure = new Failure(FailureClass.Network, "x");
        for (var n = 0; n < 5; n++)
        {
            var bound = TimeSpan.FromMilliseconds(100 * Math.Pow(2, n));
            var draws = Enumerable.Range(0, 200).Select(_ => _policy.Backoff(failure, _trail)).ToList();
            draws.ShouldAllBe(draw => draw >= TimeSpan.Zero && draw <= bound);
            draws.Max().ShouldBeGreaterThan(bound * 0.8);
            draws.Min().ShouldBeLessThan(bound * 0.2);
            _trail.CountRetry(FailureClass.Network);
        }
    }

    [Fact]
    public void Decide_RateLimited_GoesToTheHeadAndLeavesTheWaitToTheLane()
    {
        var route = Route(1, new RetryOptions { Budget = 0, BudgetFloor = 0 });
        Fail(route, 0, FailureClass.RateLimited);
        route.Deployments[0].State.Throttle(TimeSpan.FromSeconds(4));

        _policy.Decide(route, _trail, Long).ShouldBe(new RetryDecision(0, TimeSpan.Zero, AtHead: true), "and spends no budget");
    }

    [Fact]
    public void Decide_BudgetOfTheProviderIsSpent_GivesUp()
    {
        var route = Route(1, new RetryOptions { Budget = 0, BudgetFloor = 1 });
        Fail(route, 0, FailureClass.Unavailable);

        _policy.Decide(route, _trail, Long).Deployment.ShouldBe(0);
        _policy.Decide(route, _trail, Long).ShouldBe(RetryDecision.GiveUp);
    }

    [Fact]
    public void Decide_EachClass_HasACountOfItsOwn()
    {
        var route = Route(1, new RetryOptions { Network = 1, Unavailable = 2, BudgetFloor = 100 });
        Fail(route, 0, FailureClass.Network);
        _policy.Decide(route, _trail, Long).Deployment.ShouldBe(0);
        Fail(route, 0, FailureClass.Network);
        _policy.Decide(route, _trail, Long).ShouldBe(RetryDecision.GiveUp);
        Fail(route, 0, FailureClass.Unavailable);
        _policy.Decide(route, _trail, Long).Deployment.ShouldBe(0);
        _policy.Decide(route, _trail, Long).Deployment.ShouldBe(0);
        _policy.Decide(route, _trail, Long).ShouldBe(RetryDecision.GiveUp);
    }

    [Fact]
    public void Decide_NothingFailedAndEveryBreakerOpen_GivesUpSoThatTheClientIsTold()
    {
        var route = Route(1);
        for (var i = 0; i < 10; i++)
        {
            route.Deployments[0].State.CountFailure();
        }

        _policy.Decide(route, _trail, Long).ShouldBe(RetryDecision.GiveUp);
    }
}
