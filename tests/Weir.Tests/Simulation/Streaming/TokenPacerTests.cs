using Weir.Simulation.Streaming;
using Weir.Tests.Support;

namespace Weir.Tests.Simulation.Streaming;

public sealed class TokenPacerTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void Until_FirstToken_IsDueAtOnce() => new TokenPacer(_time, 20).Until(0).ShouldBe(TimeSpan.Zero);

    [Fact]
    public void Until_LateWakeUp_DoesNotDelayWhatFollows()
    {
        var pacer = new TokenPacer(_time, 20);

        _time.Advance(TimeSpan.FromMilliseconds(70));

        pacer.Until(1).ShouldBe(TimeSpan.Zero);
        pacer.Until(2).ShouldBe(TimeSpan.FromMilliseconds(30));
    }

    [Fact]
    public void Until_FarBehind_SendsAtOnceUntilCaughtUp()
    {
        var pacer = new TokenPacer(_time, 20);

        _time.Advance(TimeSpan.FromSeconds(1));

        Enumerable.Range(1, 20).ShouldAllBe(i => pacer.Until(i) == TimeSpan.Zero);
        pacer.Until(21).ShouldBe(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void Until_NoPace_NeverWaits() => new TokenPacer(_time, 0).Until(100_000).ShouldBe(TimeSpan.Zero);
}
