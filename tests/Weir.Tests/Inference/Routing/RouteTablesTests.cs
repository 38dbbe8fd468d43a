using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Routing;

public sealed class RouteTablesTests : IDisposable
{
    private readonly RouteTables _tables = new(new ManualTimeProvider());

    public void Dispose() => _tables.Dispose();

    private static InferenceOptions Options(ProviderOptions provider, double weight = 1, string model = "m", LimitOptions? limits = null) => new()
    {
        Providers = new Dictionary<string, ProviderOptions> { ["p"] = provider },
        Routes = new Dictionary<string, RouteOptions>
        {
            ["r"] = new() { Deployments = [new DeploymentOptions { Provider = "p", Model = model, Weight = weight, Limits = limits }] },
        },
    };

    private static ProviderOptions Provider(string url = "http://127.0.0.1:1/v1", string key = "k") => new() { BaseUrl = url, ApiKey = key };

    [Fact]
    public void Apply_WhatItIsCalledStays_KeepsItsStateAndSwapsTheRest()
    {
        _tables.Apply(Options(Provider()));
        var before = _tables.Current.Find("r")!.Deployments[0];
        _tables.Apply(Options(Provider() with { Limits = new LimitOptions { MaxConcurrency = 3 } }, weight: 2));
        var after = _tables.Current.Find("r")!.Deployments[0];

        after.ShouldNotBe(before);
        after.Weight.ShouldBe(2);
        after.State.ShouldBe(before.State);
        after.State.Lane.Limit.ShouldBe(3);
    }

    [Fact]
    public void Apply_AnotherKey_HasLimitsAndMarksOfItsOwn()
    {
        _tables.Apply(Options(Provider(key: "old")));
        _tables.Current.Find("r")!.Deployments[0].State.Key.Refusal.Mark();
        _tables.Apply(Options(Provider(key: "new")));

        _tables.Current.Find("r")!.Deployments[0].State.IsRefused.ShouldBeFalse();
    }

    [Fact]
    public void Apply_AnotherAddress_HasConnectionsOfItsOwn()
    {
        _tables.Apply(Options(Provider()));
        var before = _tables.Current.States["p"].Pool;
        _tables.Apply(Options(Provider("http://127.0.0.1:2/v1")));

        _tables.Current.States["p"].Pool.ShouldNotBe(before);
        _tables.Current.Find("r")!.Deployments[0].State.Provider.Pool.ShouldBe(_tables.Current.States["p"].Pool);
    }

    [Fact]
    public void Find_ProviderAndModel_IsARouteOfItsOwnMadeOnce()
    {
        _tables.Apply(Options(Provider()));

        var route = _tables.Current.Find("p/some/model").ShouldNotBeNull();
        route.Deployments.ShouldHaveSingleItem().Model.ShouldBe("some/model");
        _tables.Current.Find("p/some/model").ShouldBe(route);
        _tables.Current.Find("q/model").ShouldBeNull();
        _tables.Current.Find("p/").ShouldBeNull();
        _tables.Current.Find("/m").ShouldBeNull();
    }

    [Fact]
    public void Find_ModelsWithoutEnd_ShareStateBeyondTheBound()
    {
        _tables.Apply(Options(Provider()));

        for (var i = 0; i < 12_000; i++)
        {
            _tables.Current.Find($"p/m{i}")!.Deployments[0].Model.ShouldBe($"m{i}");
        }

        _tables.Current.Find("p/a")!.Deployments[0].State.ShouldBe(_tables.Current.Find("p/b")!.Deployments[0].State);
        _tables.Current.Find("p/a")!.Deployments[0].Model.ShouldBe("a");
    }

    [Fact]
    public void Apply_AfterModelsWithoutEnd_KeepsTheStateOfWhatRoutesName()
    {
        _tables.Apply(Options(Provider()));
        var before = _tables.Current.Find("r")!.Deployments[0].State;
        for (var i = 0; i < 12_000; i++)
        {
            _tables.Current.Find($"p/m{i}");
        }

        _tables.Apply(Options(Provider(), model: "another"));
        _tables.Current.Find("r")!.Deployments[0].State.Lane.Name.ShouldBe("p/another");
        _tables.Apply(Options(Provider()));
        _tables.Current.Find("r")!.Deployments[0].State.ShouldBe(before);
    }

    [Fact]
    public void Apply_OtherLimitsOfADeployment_ForgetsTheStateThatHadTheOldOnes()
    {
        for (var cap = 1; cap <= 3; cap++)
        {
            _tables.Apply(Options(Provider(), limits: new LimitOptions { MaxConcurrency = cap }));
        }

        _tables.DeploymentsOf("p").ShouldHaveSingleItem().Lane.Limit.ShouldBe(3);
    }

    [Fact]
    public void Find_UnderATableThatIsGone_StillAnswers()
    {
        _tables.Apply(Options(Provider()));
        var old = _tables.Current;
        _tables.Apply(new InferenceOptions());

        old.Find("p/late").ShouldNotBeNull();
        _tables.Current.Find("p/late").ShouldBeNull();
    }

    [Fact]
    public void Apply_SeveralKeys_MakeADeploymentEach()
    {
        _tables.Apply(Options(new ProviderOptions { BaseUrl = "http://127.0.0.1:1/v1", ApiKeys = ["a", "b"] }));

        var deployments = _tables.Current.Find("r")!.Deployments;
        deployments.Length.ShouldBe(2);
        deployments[0].State.Lane.Gate.ShouldNotBe(deployments[1].State.Lane.Gate);
    }
}
