using Weir.Cli.Commands;
using Weir.Server.Applying;
using Weir.Server.Endpoints;
using Weir.State.Configured;

namespace Weir.Tests.Cli.Commands;

public sealed class ApplyCommandTests
{
    [Fact]
    public void Create_Description_NamesAllThatItOverwrites() =>
        ApplyCommand.Create().Description.ShouldNotBeNull().ShouldContain("collections, catalogs and kinds");

    [Theory]
    [InlineData("kind", "DELETE /v1/kinds/{name} removes it.")]
    [InlineData("catalog", "DELETE /v1/catalogs/{name} removes it.")]
    [InlineData("collection", "DELETE /v1/collections/{name} removes it.")]
    public void Print_SomethingIsLeftAlone_SaysWhatRemovesIt(string kind, string says)
    {
        var output = Printed(new DocumentReport(kind, "x", DriftState.Unnamed, []), new DocumentReport(kind, "y", DriftState.Unnamed, []));

        output.ShouldContain($"{kind} x: not in the configuration, left alone");
        output.ShouldContain($"left alone: {says}");
    }

    [Fact]
    public void Print_OfSeveralSorts_NamesEachOnce() =>
        Printed(new DocumentReport("collection", "c", DriftState.Unnamed, []), new DocumentReport("kind", "k", DriftState.Unnamed, []))
            .ShouldContain("DELETE /v1/collections/{name} or /v1/kinds/{name} removes it.");

    [Fact]
    public void Print_NothingIsLeftAlone_SaysNothingOfIt() =>
        Printed(new DocumentReport("kind", "k", DriftState.None, [])).ShouldNotContain("DELETE");

    private static string Printed(params DocumentReport[] documents)
    {
        using var output = new StringWriter();
        ApplyCommand.Print(output, new ApplyReport(DryRun: true, documents));
        return output.ToString();
    }
}
