using static Weir.Tests.Server.Configuration.Loading;

namespace Weir.Tests.Server.Configuration.Reading;

public sealed class OverlayTests
{
    [Fact]
    public void Apply_EnvironmentAndArguments_OverrideInOrder()
    {
        const string Json = """{ "server": { "url": "http://127.0.0.1:1", "data": "file", "fleet": "file" } }""";

        var server = Options(
            Json,
            Env(("WEIR__SERVER__DATA", "env"), ("weir__Server__Fleet", "env")),
            "--server.fleet=arg", "--server.drain=5s").Server;

        server.Url.ShouldBe("http://127.0.0.1:1");
        server.Data.ShouldBe("env");
        server.Fleet.ShouldBe("arg");
        server.Drain.ShouldBe(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void ApplyEnvironment_MapKey_FindsTheEntryWhateverItsSigns()
    {
        const string Json = """{ "prices": { "gpt-4.1/mini": { "input": 1 } }, "providers": { "My-Box": { "preset": "ollama" } } }""";

        var options = Options(Json, Env(("WEIR__PRICES__GPT_4_1_MINI__OUTPUT", "2"), ("WEIR__PROVIDERS__MY_BOX__API_KEY", "k"), ("WEIR__PROVIDERS__NEW__PRESET", "groq")));

        options.Prices["gpt-4.1/mini"].Output.ShouldBe(2);
        options.Prices["gpt-4.1/mini"].Input.ShouldBe(1);
        options.Providers["My-Box"].ApiKey.ShouldBe("k");
        options.Providers["new"].Preset.ShouldBe("groq");
    }

    [Fact]
    public void ApplyArguments_MapKeyWithDots_FindsTheEntry() =>
        Options("""{ "prices": { "gpt-4.1": { "input": 1 } } }""", null, "--prices.gpt-4.1.input=3").Prices["gpt-4.1"].Input.ShouldBe(3);

    [Fact]
    public void ApplyEnvironment_ListItems_ReplaceAndAppend()
    {
        const string Json = """
            { "providers": { "a": { "preset": "openai" } },
              "routes": { "r": { "deployments": [ { "provider": "a", "model": "m" } ] } } }
            """;

        var deployments = Options(
            Json,
            Env(("WEIR__ROUTES__R__DEPLOYMENTS__0__MODEL", "x"), ("WEIR__ROUTES__R__DEPLOYMENTS__1__MODEL", "y"), ("WEIR__ROUTES__R__DEPLOYMENTS__1__PROVIDER", "a")))
            .Routes["r"].Deployments;

        deployments.Select(deployment => deployment.Model).ShouldBe(["x", "y"]);
    }

    [Fact]
    public void ApplyEnvironment_ListGap_IsAFault() =>
        OnlyFault(
            """{ "providers": { "a": { "preset": "openai", "api_keys": ["k"] } } }""",
            Env(("WEIR__PROVIDERS__A__API_KEYS__3", "sk-gap"))).ToString()
            .ShouldBe("WEIR__PROVIDERS__A__API_KEYS__3: providers.a.api_keys[3]: the list has 1 items. Use a position from 0 to 1, which adds one.");

    [Fact]
    public void Apply_ObjectsAndLists_AreJsonAndReplace()
    {
        var options = Options(
            """{ "providers": { "gone": { "preset": "groq" } } }""",
            Env(("WEIR__PROVIDERS", """{ "a": { "preset": "openai" } }"""), ("WEIR__PROVIDERS__A__API_KEYS", """["x", "y"]""")));

        options.Providers.Keys.ShouldBe(["a"]);
        options.Providers["a"].ApiKeys.ShouldBe(["x", "y"]);
    }

    [Fact]
    public void Apply_BrokenJson_IsAFaultWithoutItsText()
    {
        var fault = OnlyFault("{}", Env(("WEIR__PROVIDERS", """{ "a": { "api_key": sk-secret } }""")));

        fault.Where.ShouldBe("WEIR__PROVIDERS");
        fault.ToString().ShouldNotContain("secret");
    }

    [Fact]
    public void Apply_Faults_NameTheVariableOrFlag()
    {
        var loaded = Load("{}", Env(("WEIR__SERVER__DRAIN", "soon"), ("WEIR__SERVR__URL", "x")), "--state=disk", "--server.nope=1");

        loaded.Faults.Select(fault => $"{fault.Where} {fault.Path}").ShouldBe(
        [
            "WEIR__SERVER__DRAIN server.drain",
            "--server.nope server.nope",
            "WEIR__SERVR__URL servr",
            "--state state",
        ], ignoreOrder: true);
    }

    [Theory]
    [InlineData("server.url=x")]
    [InlineData("--server.url")]
    [InlineData("--")]
    [InlineData("--=x")]
    [InlineData("")]
    public void ApplyArguments_NotASetting_IsAFault(string argument) =>
        OnlyFault("{}", null, argument).Message.ShouldContain("is not a setting");

    [Fact]
    public void ApplyArguments_EmptyName_IsAFault() => OnlyFault("{}", null, "--server..url=x").Message.ShouldContain("name is missing");

    [Fact]
    public void ApplyEnvironment_EmptyValueOrOtherVariables_ChangeNothing() =>
        Options("{}", Env(("WEIR__STATE", ""), ("WEIR_ADMIN_KEY", "x"), ("WEIR_SERVER_URL", "y"))).State.ShouldBe("sqlite");

    [Fact]
    public void Apply_InsideWhatIsNoObject_ReplacesIt() =>
        Options("""{ "server": 5 }""", null, "--server.data=x").Server.Data.ShouldBe("x");
}
