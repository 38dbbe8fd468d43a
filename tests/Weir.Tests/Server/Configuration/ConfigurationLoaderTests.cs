using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using static Weir.Tests.Server.Configuration.Loading;

namespace Weir.Tests.Server.Configuration;

public sealed class ConfigurationLoaderTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("weir-config-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Load_EmptyObject_GivesDefaults()
    {
        var options = Options("{}");

        options.Server.Url.ShouldBe("http://127.0.0.1:7800");
        options.Server.Drain.ShouldBe(TimeSpan.FromSeconds(30));
        options.Server.MaxBody.ShouldBe(new ByteSize(32 << 20));
        options.State.ShouldBe("sqlite");
        options.Providers.ShouldBeEmpty();
    }

    [Fact]
    public void Load_EverySort_BindsIt()
    {
        var options = Options("""
            // a comment
            {
              "$schema": "weir.schema.json",
              "server": { "drain": "1m30s", "max_body": "1.5MB", "advertised_url": null, "fleet": "blue-1" },
              "state": "redis://cache:6379/2", /* another */
              "providers": {
                "box": {
                  "dialect": "openai", "base_url": "http://box:8000/v1", "headers": { "x-team": "a" },
                  "limits": { "max_concurrency": 80, "latency_target": "900ms" },
                  "connections": { "http2": "on" }, "retry": { "budget": 0.25 },
                },
                "openai": { "preset": "openai", "api_keys": ["a", "b"] },
              },
              "routes": {
                "fast": { "deployments": [ { "provider": "box", "model": "m", "weight": 2 }, { "provider": "openai", "model": "n", "order": 1 } ],
                          "balance": "weighted", "timeout": "10m", "overflow": true },
              },
              "prices": { "gpt-4o-mini": { "input": 0.15, "output": 6e-1 } },
            }
            """);

        options.Server.Drain.ShouldBe(TimeSpan.FromSeconds(90));
        options.Server.MaxBody.Bytes.ShouldBe(3 << 19);
        options.Server.AdvertisedUrl.ShouldBeNull();
        var box = options.Providers["box"];
        box.Dialect.ShouldBe(Dialect.OpenAI);
        box.Headers!["x-team"].ShouldBe("a");
        box.Limits!.MaxConcurrency.ShouldBe(80);
        box.Limits.StartConcurrency.ShouldBeNull();
        box.Limits.LatencyTarget.ShouldBe(TimeSpan.FromMilliseconds(900));
        box.Connections!.Http2.ShouldBe(Http2Mode.On);
        box.Retry!.Budget.ShouldBe(0.25);
        options.Providers["openai"].ApiKeys.ShouldBe(["a", "b"]);
        var route = options.Routes["fast"];
        route.Deployments.Select(deployment => deployment.Model).ShouldBe(["m", "n"]);
        route.Deployments[0].Weight.ShouldBe(2);
        route.Balance.ShouldBe(Balance.Weighted);
        route.Overflow.ShouldBe(true);
        options.Prices["gpt-4o-mini"].Output.ShouldBe(0.6);
    }

    [Fact]
    public void Load_ManyFaults_ReportsAllWithPlacesInOrder()
    {
        var loaded = Load("""
            {
              "server": { "drian": "30s", "max_body": "lots" },
              "providers": {
                "box": { "base_url": "ftp://box", "limits": { "max_concurrency": 0 } },
                "bare": { },
                "two": { "preset": "opnai" }
              },
              "routes": { "fast": { "deployments": [ { "provider": "bx", "model": 3 } ], "timeout": 30 } },
              "tiers": { "user": { "idle": "10m" } }
            }
            """);

        loaded.Faults.Select(fault => $"{fault.Where} {fault.Path}").ShouldBe(
        [
            "weir.json:2:15 server.drian",
            "weir.json:2:43 server.max_body",
            "weir.json:4:26 providers.box.base_url",
            "weir.json:4:70 providers.box.limits.max_concurrency",
            "weir.json:5:13 providers.bare.base_url",
            "weir.json:6:24 providers.two.preset",
            "weir.json:8:56 routes.fast.deployments[0].provider",
            "weir.json:8:71 routes.fast.deployments[0].model",
            "weir.json:8:89 routes.fast.timeout",
            "weir.json:9:3 tiers",
        ]);
        loaded.Faults[0].ToString().ShouldBe("weir.json:2:15: server.drian: is not a setting. Did you mean \"drain\"?");
        loaded.Faults[5].Remedy.ShouldContain("Did you mean \"openai\"?");
        loaded.Faults[6].Remedy.ShouldContain("Did you mean \"box\"?");
        loaded.Faults[9].Message.ShouldContain("this version of Weir does not have");
    }

    [Theory]
    [InlineData("""{ "assistants": null }""", "assistants")]
    public void Load_SettingOfALaterVersion_SaysSo(string json, string path)
    {
        var sources = Sources() with { DefaultProviders = new Dictionary<string, ProviderOptions> { ["a"] = new() { Preset = "openai" } } };
        var loaded = ConfigurationLoader.Load(sources, System.Text.Encoding.UTF8.GetBytes(json));

        var fault = loaded.Faults.ShouldHaveSingleItem();
        fault.Path.ShouldBe(path);
        fault.Message.ShouldContain("this version of Weir does not have");
    }

    [Fact]
    public void Load_NoFileAndNoneAsked_IsNoFault()
    {
        var loaded = ConfigurationLoader.Load(new ConfigurationSources());

        // The working directory of tests has no weir.json.
        loaded.Faults.ShouldBeEmpty();
        loaded.File.ShouldBeNull();
        loaded.ProvidersAreDefault.ShouldBeTrue();
    }

    [Fact]
    public void Load_NamedFileMissing_IsAFault()
    {
        var path = Path.Combine(_folder.FullName, "none.json");

        var fault = ConfigurationLoader.Load(new ConfigurationSources { File = path }).Faults.ShouldHaveSingleItem();

        fault.Where.ShouldBe(path);
        fault.Message.ShouldContain("no such file");
    }

    [Fact]
    public void Load_Folder_IsAFault() =>
        ConfigurationLoader.Load(new ConfigurationSources { File = _folder.FullName }).Faults.ShouldHaveSingleItem().Message.ShouldBe("is a folder");

    [Fact]
    public void Load_HugeFile_IsRefusedUnread()
    {
        var path = Path.Combine(_folder.FullName, "huge.json");
        using (var file = File.Create(path))
        {
            file.SetLength(ConfigurationLoader.MaxFileBytes + 1);
        }

        ConfigurationLoader.Load(new ConfigurationSources { File = path }).Faults.ShouldHaveSingleItem().Message.ShouldContain("larger");
    }

    [Fact]
    public void Load_NoProvidersAnywhere_UsesTheDefaultOnes()
    {
        var defaults = new Dictionary<string, ProviderOptions> { ["groq"] = new() { Preset = "groq" } };

        var absent = ConfigurationLoader.Load(Sources() with { DefaultProviders = defaults }, "{}"u8.ToArray());
        var empty = ConfigurationLoader.Load(Sources() with { DefaultProviders = defaults }, """{ "providers": {} }"""u8.ToArray());

        absent.Options.Providers.Keys.ShouldBe(["groq"]);
        absent.ProvidersAreDefault.ShouldBeTrue();
        empty.Options.Providers.ShouldBeEmpty();
        empty.ProvidersAreDefault.ShouldBeFalse();
    }

    [Fact]
    public void Load_AddedProvider_YieldsToOneOfTheSameName()
    {
        var sources = Sources() with { AddedProviders = new Dictionary<string, ProviderOptions> { ["sim"] = new() { BaseUrl = "http://sim/v1" } } };

        var added = ConfigurationLoader.Load(sources, """{ "providers": { "box": { "preset": "ollama" } } }"""u8.ToArray());
        var own = ConfigurationLoader.Load(sources, """{ "providers": { "sim": { "preset": "ollama" } } }"""u8.ToArray());

        added.Options.Providers.Keys.ShouldBe(["box", "sim"]);
        own.Options.Providers["sim"].Preset.ShouldBe("ollama");
    }

    [Fact]
    public void Load_ProviderAtFault_IsNotAlsoDangling() =>
        OnlyFault("""{ "providers": { "box": 5 }, "routes": { "r": { "deployments": [ { "provider": "box", "model": "m" } ] } } }""")
            .Path.ShouldBe("providers.box");

    [Fact]
    public void Load_MisspeltSetting_IsNotAlsoMissing() =>
        OnlyFault("""{ "providers": { "box": { "baseurl": "http://box/v1" } } }""").Remedy.ShouldBe("Did you mean \"base_url\"?");

    [Fact]
    public void Load_NullWhereNothingIsAllowed_IsAFault()
    {
        var fault = OnlyFault("""{ "server": { "url": null } }""");

        fault.ToString().ShouldBe("weir.json:1:22: server.url: must not be null. Leave it out for its default.");
    }

    [Fact]
    public void Load_UrlBeyondThisMachine_WarnsUnlessAnAdminKeyIsSet()
    {
        const string Json = """{ "server": { "url": "http://0.0.0.0:7800" } }""";

        var warned = Load(Json);
        var silent = Load(Json, Env(("WEIR_ADMIN_KEY", "weir_x")));

        warned.Faults.ShouldBeEmpty();
        warned.Warnings.ShouldHaveSingleItem().Path.ShouldBe("server.url");
        silent.Warnings.ShouldBeEmpty();
    }

    [Fact]
    public void Load_ManyEntriesAndLongNames_EndsSoon()
    {
        var entries = Enumerable.Range(0, 20_000).Select(i => $"\"p{i}\": {{ \"preset\": \"ollama\", \"{new string('x', i)[..Math.Min(i, 100)]}\": 1 }}");

        var loaded = Load($"{{ \"{new string('y', 1_000_000)}\": 1, \"providers\": {{ {string.Join(", ", entries)} }} }}");

        loaded.Options.Providers.Count.ShouldBe(20_000);
        loaded.Faults.Count.ShouldBe(20_001);
    }
}
