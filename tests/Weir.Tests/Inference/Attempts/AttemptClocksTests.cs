using Weir.Inference.Attempts;

namespace Weir.Tests.Inference.Attempts;

public sealed class AttemptClocksTests
{
    private readonly AttemptClocks _clocks = new(TimeProvider.System);

    [Fact]
    public void Dispose_OfAClockWhoseRequestIsSent_LetsItServeTheNextAttemptAfresh()
    {
        using var gone = new CancellationTokenSource();
        var first = _clocks.Start(TimeSpan.FromMinutes(1), gone.Token);
        first.SetTotal(TimeSpan.FromMinutes(1));
        first.Arm(TimeSpan.FromSeconds(30));
        first.IsSent = true;
        first.Dispose();

        using var second = _clocks.Start(TimeSpan.FromMinutes(1), CancellationToken.None);
        // Whoever left then has nothing to do with it.
        gone.Cancel();

        second.ShouldBeSameAs(first);
        second.IsSent.ShouldBeFalse();
        second.Token.IsCancellationRequested.ShouldBeFalse();
        second.Cause.ShouldBe(FailureClass.Timeout);
    }

    [Fact]
    public void Dispose_WhileTheRequestIsStillBeingSent_EndsTheSendAndKeepsNothing()
    {
        var first = _clocks.Start(TimeSpan.FromMinutes(1), CancellationToken.None);
        var token = first.Token;
        first.Dispose();

        using var second = _clocks.Start(TimeSpan.FromMinutes(1), CancellationToken.None);

        token.IsCancellationRequested.ShouldBeTrue();
        second.ShouldNotBeSameAs(first);
    }

    [Fact]
    public void Dispose_AfterTheClientLeft_KeepsNothing()
    {
        using var gone = new CancellationTokenSource();
        var first = _clocks.Start(TimeSpan.FromMinutes(1), gone.Token);
        first.IsSent = true;
        gone.Cancel();
        first.Cause.ShouldBe(FailureClass.Cancelled);
        first.Dispose();

        using var second = _clocks.Start(TimeSpan.FromMinutes(1), CancellationToken.None);

        second.ShouldNotBeSameAs(first);
        second.Token.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public void Dispose_Twice_GivesItBackOnce()
    {
        var first = _clocks.Start(TimeSpan.FromMinutes(1), CancellationToken.None);
        first.IsSent = true;
        first.Dispose();
        first.Dispose();

        using var second = _clocks.Start(TimeSpan.FromMinutes(1), CancellationToken.None);
        using var third = _clocks.Start(TimeSpan.FromMinutes(1), CancellationToken.None);

        third.ShouldNotBeSameAs(second);
    }
}
