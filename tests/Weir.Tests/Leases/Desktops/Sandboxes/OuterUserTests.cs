using Weir.Leases.Desktops.Sandboxes;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

public sealed class OuterUserTests
{
    private const string All = "         0          0 4294967295\n";

    [Fact]
    public void Choose_AllIds_IsNobodysAndHardlyEverTheSame()
    {
        var chosen = Enumerable.Range(0, 1000).Select(i => OuterUser.Choose($"instance-{i}", All)).ToList();

        chosen.ShouldAllBe(id => id >= 0x70000000 && id < 0x78000000);
        chosen.Distinct().Count().ShouldBeGreaterThan(995);
        OuterUser.Choose("instance-7", All).ShouldBe(chosen[7]);
    }

    [Fact]
    public void Choose_FewIds_IsAmongThoseOfServices() => OuterUser.Choose("a", "0 100000 65536\n").ShouldBeInRange(61184, 65519);

    [Theory]
    [InlineData("0 1000 1\n")]
    [InlineData("")]
    public void Choose_NoIds_IsNone(string map) => OuterUser.Choose("a", map).ShouldBe(-1);
}
