using Weir.Inference.Providers;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Providers;

public sealed class RefusalMarkTests
{
    [Fact]
    public void TryPass_AfterTheRest_LetsExactlyOneProbe()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromSeconds(1));
        var mark = new RefusalMark(time);
        mark.TryPass().ShouldBeTrue();
        mark.Mark();
        mark.TryPass().ShouldBeFalse();
        time.Advance(RefusalMark.Rest);

        var passed = 0;
        Parallel.For(0, 64, _ =>
        {
            if (mark.TryPass())
            {
                Interlocked.Increment(ref passed);
            }
        });

        passed.ShouldBe(1);
        mark.WouldPass.ShouldBeFalse();
        mark.Clear();
        mark.TryPass().ShouldBeTrue();
    }
}
