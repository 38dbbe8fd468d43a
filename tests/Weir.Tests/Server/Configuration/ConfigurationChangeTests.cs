using Weir.Server.Configuration;
using static Weir.Tests.Server.Configuration.Loading;

namespace Weir.Tests.Server.Configuration;

public sealed class ConfigurationChangeTests
{
    [Fact]
    public void Between_EqualFiles_IsNothing()
    {
        const string Json = """
            { "providers": { "a": { "preset": "openai", "api_keys": ["x"], "headers": { "h": "v" }, "limits": { "queue": 1 } } },
              "routes": { "r": { "deployments": [ { "provider": "a", "model": "m" } ] } }, "prices": { "m": { "input": 1 } } }
            """;

        ConfigurationChange.Between(Options(Json), Options("// the same\n" + Json)).ShouldBeEmpty();
    }

    [Fact]
    public void Between_Changes_NamesEachAndThoseThatNeedARestart()
    {
        var before = Options("""
            { "server": { "url": "http://127.0.0.1:1", "drain": "1s" },
              "providers": { "a": { "preset": "openai" }, "gone": { "preset": "groq" } },
              "routes": { "r": { "deployments": [ { "provider": "a", "model": "m" } ] } } }
            """);
        var after = Options("""
            { "server": { "url": "http://127.0.0.1:2", "drain": "2s" }, "state": "memory",
              "providers": { "a": { "preset": "openai", "limits": { "queue": 5 } }, "new": { "preset": "groq" } },
              "routes": { "r": { "deployments": [ { "provider": "a", "model": "n" } ], "timeout": "1m" } } }
            """);

        ConfigurationChange.Between(before, after).ShouldBe(
        [
            new("server.url", true),
            new("server.drain", true),
            new("state", true),
            new("providers.a.limits", false),
            new("providers.gone", false),
            new("providers.new", false),
            new("routes.r.deployments[0].model", false),
            new("routes.r.timeout", false),
        ]);
    }
}
