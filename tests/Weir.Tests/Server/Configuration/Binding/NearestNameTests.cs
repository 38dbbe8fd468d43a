using Weir.Server.Configuration.Binding;

namespace Weir.Tests.Server.Configuration.Binding;

public sealed class NearestNameTests
{
    [Theory]
    [InlineData("drian", "drain")]
    [InlineData("DRAIN", "drain")]
    [InlineData("maxbody", "max_body")]
    [InlineData("urls", "url")]
    [InlineData("telemetry", null)]
    [InlineData("x", null)]
    [InlineData("", null)]
    public void Find_Name_GivesWhatWasMeant(string name, string? expected) =>
        NearestName.Find(name, ["url", "data", "drain", "max_body"]).ShouldBe(expected);
}
