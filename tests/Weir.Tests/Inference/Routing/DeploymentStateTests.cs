using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Routing;

public sealed class DeploymentStateTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly RouteTables _tables;
    private readonly DeploymentState _state;

    public DeploymentStateTests()
    {
        _tables = new RouteTables(_time);
        _tables.Apply(new InferenceOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = "http://127.0.0.1:1/v1" } },
        });
        _state = _tables.Current.Find("p/m")!.Deployments[0].State;
    }

    public void Dispose() => _tables.Dispose();

    [Fact]
    public void Throttle_ManyOfOneBurst_AreOnePause()
    {
        for (var i = 0; i < 20; i++)
        {
            _state.Throttle(null);
        }

        _state.Lane.PausedFor.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Throttle_AgainAfterEachPause_DoublesUpToAMinuteAndForgetsOnAnAnswer()
    {
        foreach (var seconds in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            _state.Throttle(null);
            _state.Lane.PausedFor.ShouldBe(TimeSpan.FromSeconds(seconds));
            _time.Advance(TimeSpan.FromSeconds(seconds));
        }

        _state.Answered();
        _state.Throttle(null);
        _state.Lane.PausedFor.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Throttle_ProviderAsksForADay_IsAskedAgainAfterAnHour()
    {
        _state.Throttle(TimeSpan.FromDays(1));

        _state.Lane.PausedFor.ShouldBe(TimeSpan.FromHours(1));
    }
}
