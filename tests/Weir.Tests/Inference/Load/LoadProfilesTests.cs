using Weir.Inference.Load;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Load;

public sealed class LoadProfilesTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly LoadProfiles _load;

    public LoadProfilesTests() => _load = new LoadProfiles(_time);

    private void Serve(int perSecond, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            for (var request = 0; request < perSecond; request++)
            {
                _load.Count(_time.GetTimestamp());
            }

            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Theory]
    [InlineData(0, LoadProfileName.Conservative)]
    [InlineData(99, LoadProfileName.Conservative)]
    [InlineData(100, LoadProfileName.Balanced)]
    [InlineData(999, LoadProfileName.Balanced)]
    [InlineData(1000, LoadProfileName.Aggressive)]
    public void Now_SteadyRate_IsTheProfileOfTheTable(int perSecond, LoadProfileName expected)
    {
        Serve(perSecond, 10);

        _load.Now.Name.ShouldBe(expected);
        _load.Rate.ShouldBe(perSecond);
    }

    [Fact]
    public void Now_RateFallsALittle_StaysUntilWellBelowTheBound()
    {
        Serve(1100, 10);
        Serve(850, 10);
        _load.Now.Name.ShouldBe(LoadProfileName.Aggressive);
        Serve(799, 10);
        _load.Now.Name.ShouldBe(LoadProfileName.Balanced);
        Serve(85, 10);
        _load.Now.Name.ShouldBe(LoadProfileName.Balanced);
        Serve(79, 10);
        _load.Now.Name.ShouldBe(LoadProfileName.Conservative);
        Serve(99, 10);
        _load.Now.Name.ShouldBe(LoadProfileName.Conservative);
    }

    [Fact]
    public void Now_AfterSilence_ForgetsTheBurst()
    {
        Serve(2000, 10);
        _load.Now.Name.ShouldBe(LoadProfileName.Aggressive);

        _time.Advance(TimeSpan.FromSeconds(9));
        _load.Rate.ShouldBe(200);
        _time.Advance(TimeSpan.FromDays(1));

        _load.Rate.ShouldBe(0);
        _load.Now.Name.ShouldBe(LoadProfileName.Conservative);
    }

    [Fact]
    public void Apply_NamedProfile_HoldsWhateverTheRate()
    {
        _load.Apply(new LoadOptions { Profile = LoadProfileName.Aggressive });
        _load.Current.ShouldBe(LoadProfile.Aggressive);
        Serve(1, 10);
        _load.Now.ShouldBe(LoadProfile.Aggressive);

        _load.Apply(new LoadOptions());
        _load.Now.Name.ShouldBe(LoadProfileName.Conservative);
    }

    [Fact]
    public void Count_FromManyThreads_LosesNone()
    {
        Parallel.For(0, 8, _ =>
        {
            for (var i = 0; i < 1000; i++)
            {
                _load.Count(_time.GetTimestamp());
            }
        });
        _time.Advance(TimeSpan.FromSeconds(1));

        _load.Rate.ShouldBe(800);
    }

    [Fact]
    public void Most_Aggressive_IsHalfRoundedUp()
    {
        LoadProfile.Aggressive.Most(5).ShouldBe(3);
        LoadProfile.Aggressive.Most(1).ShouldBe(1);
        LoadProfile.Aggressive.Most(0).ShouldBe(0);
        LoadProfile.Balanced.Most(5).ShouldBe(5);
    }
}
