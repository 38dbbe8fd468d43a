using static Weir.Tests.Server.Configuration.Loading;

namespace Weir.Tests.Server.Configuration.Reading;

public sealed class VariableExpansionTests
{
    private static string State(string written, params (string, string)[] variables) =>
        Load($$"""{ "server": { "data": "{{written}}" } }""", Env(variables)).Options.Server.Data;

    [Theory]
    [InlineData("${A}", "1")]
    [InlineData("x${A}y${B}z", "x1y22z")]
    [InlineData("${A}${A}", "11")]
    [InlineData("$A $ {A}", "$A $ {A}")]
    [InlineData("$${A}", "${A}")]
    [InlineData("$${A}${A}", "${A}1")]
    [InlineData("$", "$")]
    [InlineData("$$", "$$")]
    public void Expand_Text_ReplacesVariables(string written, string expected) =>
        State(written, ("A", "1"), ("B", "22")).ShouldBe(expected);

    [Fact]
    public void Expand_ValueWithVariable_IsNotExpandedAgain() => State("${A}", ("A", "${B}"), ("B", "no")).ShouldBe("${B}");

    [Theory]
    [InlineData("${")]
    [InlineData("a ${A")]
    [InlineData("${}")]
    [InlineData("${1A}")]
    [InlineData("${A B}")]
    [InlineData("${A:-x}")]
    public void Expand_NoName_IsAFault(string written) =>
        OnlyFault($$"""{ "server": { "data": "{{written}}" } }""", Env(("A", "1"))).Message.ShouldContain("without the name of a variable");

    [Fact]
    public void Expand_MissingVariables_AreAllReported()
    {
        var loaded = Load("""
            { "providers": { "a": { "preset": "openai", "api_key": "${ONE}" }, "b": { "preset": "groq", "api_keys": ["${TWO}"] } } }
            """);

        loaded.Faults.Select(fault => fault.Message).ShouldBe(
            ["the environment variable ONE is not set", "the environment variable TWO is not set"]);
        loaded.Faults[1].Path.ShouldBe("providers.b.api_keys[0]");
    }

    [Fact]
    public void Expand_NumbersAndTruth_AreReadFromText()
    {
        var options = Options(
            """
            {
              "providers": { "a": { "preset": "openai", "limits": { "max_concurrency": "${N}" }, "timeouts": { "idle": "${D}s" } } },
              "routes": { "r": { "deployments": [ { "provider": "a", "model": "m" } ], "overflow": "${T}" } }
            }
            """,
            Env(("T", "true"), ("N", "7"), ("D", "3")));

        var provider = options.Providers["a"];
        options.Routes["r"].Overflow.ShouldBe(true);
        provider.Limits!.MaxConcurrency.ShouldBe(7);
        provider.Timeouts!.Idle.ShouldBe(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void Expand_WrongValue_ShowsTheVariableAndNotItsValue()
    {
        var fault = OnlyFault("""{ "server": { "drain": "${SECRET}" } }""", Env(("SECRET", "hunter2")));

        fault.Message.ShouldBe("'${SECRET}' is not a duration");
        fault.ToString().ShouldNotContain("hunter2");
    }

    [Fact]
    public void Expand_PlainTextWhereANumberBelongs_StaysAFault() =>
        OnlyFault("""{ "providers": { "a": { "preset": "openai", "limits": { "queue": "7" } } } }""").Message.ShouldBe("must be a whole number, found a text");
}
