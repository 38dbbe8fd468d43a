using static Weir.Tests.Server.Configuration.Loading;

namespace Weir.Tests.Server.Configuration.Validation;

public sealed class ValidatorTests
{
    [Theory]
    [InlineData("http://127.0.0.1:7800")]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("http://[::1]:80/")]
    [InlineData("http://0.0.0.0:7800")]
    public void ServerUrl_ToListenAt_IsAllowed(string url) => Options($$"""{ "server": { "url": "{{url}}" } }""").Server.Url.ShouldBe(url);

    [Theory]
    [InlineData("127.0.0.1:7800")]
    [InlineData("https://127.0.0.1:7800")]
    [InlineData("http://*:7800")]
    [InlineData("http://127.0.0.1:7800/weir")]
    [InlineData("http://127.0.0.1:7800?x=1")]
    [InlineData("http://127.0.0.1:99999")]
    [InlineData("")]
    public void ServerUrl_Other_IsAFault(string url) => OnlyFault($$"""{ "server": { "url": "{{url}}" } }""").Path.ShouldBe("server.url");

    [Theory]
    [InlineData("sqlite")]
    [InlineData("memory")]
    [InlineData("redis://host")]
    [InlineData("redis://host:6379")]
    [InlineData("rediss://host:6379/3")]
    public void State_Known_IsAllowed(string state) => Options($$"""{ "state": "{{state}}" }""").State.ShouldBe(state);

    [Theory]
    [InlineData("SQLite")]
    [InlineData("postgres://host")]
    [InlineData("redis://")]
    [InlineData("redis://host/x")]
    [InlineData("redis://host/0?ssl=true")]
    [InlineData("redis://:hunter2@host/0")]
    public void State_Other_IsAFaultThatShowsNoPassword(string state)
    {
        var fault = OnlyFault($$"""{ "state": "{{state}}" }""");

        fault.Path.ShouldBe("state");
        fault.ToString().ShouldNotContain("hunter2");
    }

    [Theory]
    [InlineData("""{ "base_url": "box:8000/v1" }""", "base_url")]
    [InlineData("""{ "base_url": "http://u:hunter2@box/v1" }""", "base_url")]
    [InlineData("""{ "base_url": "http://box/v1?key=hunter2" }""", "base_url")]
    [InlineData("""{ "preset": "openai", "api_key": "" }""", "api_key")]
    [InlineData("""{ "preset": "openai", "api_key": "hunter2\n" }""", "api_key")]
    [InlineData("""{ "preset": "openai", "api_key": "hunter2é" }""", "api_key")]
    [InlineData("""{ "preset": "openai", "api_key": "hunter2", "api_keys": ["x"] }""", "api_keys")]
    [InlineData("""{ "preset": "openai", "api_keys": [] }""", "api_keys")]
    [InlineData("""{ "preset": "openai", "api_keys": ["hunter2", "hunter2"] }""", "api_keys[1]")]
    [InlineData("""{ "preset": "openai", "api_keys": ["hunter2", 5] }""", "api_keys[1]")]
    [InlineData("""{ "preset": "openai", "api_keys": "hunter2" }""", "api_keys")]
    [InlineData("""{ "preset": "openai", "headers": { "x y": "hunter2" } }""", "headers.x y")]
    [InlineData("""{ "preset": "openai", "headers": { "Host": "hunter2" } }""", "headers.Host")]
    [InlineData("""{ "preset": "openai", "headers": { "x-a": "hunter2\r\nx-b: c" } }""", "headers.x-a")]
    [InlineData("""{ "preset": "openai", "limits": { "max_concurrency": 5, "start_concurrency": 6 } }""", "limits.start_concurrency")]
    [InlineData("""{ "preset": "openai", "connections": { "http2": "yes" } }""", "connections.http2")]
    [InlineData("""{ "preset": "openai", "breaker": { "failure_ratio": 1.5 } }""", "breaker.failure_ratio")]
    [InlineData("""{ "preset": "openai", "timeouts": { "idle": "0s" } }""", "timeouts.idle")]
    public void Provider_Impossible_IsOneFaultThatShowsNoSecret(string provider, string path)
    {
        var fault = OnlyFault($$"""{ "providers": { "box": {{provider}} } }""");

        fault.Path.ShouldBe($"providers.box.{path}");
        fault.ToString().ShouldNotContain("hunter2");
    }

    [Fact]
    public void Provider_OutOfRange_SaysTheRangeAsItIsWritten() =>
        OnlyFault("""{ "providers": { "box": { "preset": "openai", "timeouts": { "idle": "2d" } } } }""").ToString()
            .ShouldBe("weir.json:1:69: providers.box.timeouts.idle: '2d' is out of range. Choose from 1ms to 1d.");

    [Fact]
    public void Provider_BaseUrlWithoutPath_IsWarnedAbout() =>
        Load("""{ "providers": { "box": { "base_url": "http://box:8000" } } }""").Warnings.ShouldHaveSingleItem().Path.ShouldBe("providers.box.base_url");

    [Theory]
    [InlineData("a/b")]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("a b")]
    public void Provider_Name_MustNotBeConfusing(string name) =>
        OnlyFault($$"""{ "providers": { "{{name}}": { "preset": "openai" } } }""").Message.ShouldBe("is not a name for a provider");

    [Theory]
    [InlineData("""{ }""", "routes.r.deployments")]
    [InlineData("""{ "deployments": [] }""", "routes.r.deployments")]
    [InlineData("""{ "deployments": [ { "model": "m" } ] }""", "routes.r.deployments[0].provider")]
    [InlineData("""{ "deployments": [ { "provider": "a", "model": "" } ] }""", "routes.r.deployments[0].model")]
    [InlineData("""{ "deployments": [ { "provider": "b", "model": "m" } ] }""", "routes.r.deployments[0].provider")]
    [InlineData("""{ "deployments": [ { "provider": "a", "model": "m" }, { "provider": "a", "model": "m", "order": 1 } ] }""", "routes.r.deployments[1]")]
    [InlineData("""{ "deployments": [ { "provider": "a", "model": "m", "order": 1.5 } ] }""", "routes.r.deployments[0].order")]
    [InlineData("""{ "deployments": [ { "provider": "a", "model": "m", "weight": 0 } ] }""", "routes.r.deployments[0].weight")]
    public void Route_Impossible_IsOneFault(string route, string path) =>
        OnlyFault($$"""{ "providers": { "a": { "preset": "openai" } }, "routes": { "r": {{route}} } }""").Path.ShouldBe(path);

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    public void Route_Name_MustBeOne(string name) =>
        OnlyFault($$"""{ "providers": { "a": { "preset": "openai" } }, "routes": { "{{name}}": { "deployments": [ { "provider": "a", "model": "m" } ] } } }""")
            .Message.ShouldBe("is not a name for a model");

    [Fact]
    public void Telemetry_NoAddress_IsAFault() => OnlyFault("""{ "telemetry": { "otlp": "localhost:4317" } }""").Path.ShouldBe("telemetry.otlp");
}
