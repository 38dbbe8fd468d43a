using Weir.Server.Configuration;

namespace Weir.Tests.Server.Configuration;

public sealed class LiveConfigurationTests
{
    private static readonly WeirOptions Next = new() { State = "memory" };

    [Fact]
    public void Swap_Subscribers_AreToldInOrderAfterTheSwap()
    {
        var live = new LiveConfiguration(new WeirOptions());
        var calls = new List<string>();
        live.OnChange(options => calls.Add($"first {options.State} {live.Current.State}"));
        live.OnChange(options => calls.Add($"second {options.State} {live.Current.State}"));

        live.Swap(Next).ShouldBeEmpty();

        calls.ShouldBe(["first memory memory", "second memory memory"]);
    }

    [Fact]
    public void Swap_SubscriberThrows_KeepsNobodyElseFromIt()
    {
        var live = new LiveConfiguration(new WeirOptions());
        var told = false;
        live.OnChange(_ => throw new InvalidOperationException("no"));
        live.OnChange(_ => told = true);

        live.Swap(Next).ShouldHaveSingleItem().Message.ShouldBe("no");

        told.ShouldBeTrue();
        live.Current.ShouldBeSameAs(Next);
    }

    [Fact]
    public void Dispose_Subscription_EndsTheCalls()
    {
        var live = new LiveConfiguration(new WeirOptions());
        var calls = 0;
        var subscription = live.OnChange(_ => calls++);

        live.Swap(Next);
        subscription.Dispose();
        subscription.Dispose();
        live.Swap(new WeirOptions());

        calls.ShouldBe(1);
    }

    [Fact]
    public void OnChange_WithinACall_IsToldOfTheNextOne()
    {
        var live = new LiveConfiguration(new WeirOptions());
        var inner = 0;
        live.OnChange(_ => live.OnChange(_ => inner++));

        live.Swap(Next);
        inner.ShouldBe(0);
        live.Swap(Next);
        inner.ShouldBe(1);
    }
}
