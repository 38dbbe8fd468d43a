using Weir.Inference;

namespace Weir.Tests.Inference;

public sealed class InferenceReportTests
{
    [Theory]
    [InlineData(null, "p", "unknown", 404)]
    [InlineData("p/made-up", "p", "p/*", 404)]
    [InlineData("p/made-up", null, "p/*", 503)]
    [InlineData("p/real", "p", "p/real", 200)]
    public void Label_OfWhatIsNotConfigured_NamesTheModelOnlyWhereItAnswered(string? route, string? provider, string label, int status) =>
        new InferenceReport { Route = route, Provider = provider, Status = status }.Label.ShouldBe(label);
}
