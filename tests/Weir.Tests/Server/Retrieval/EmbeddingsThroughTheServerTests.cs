using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Inference.Measuring;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Embedding;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.Tests.Inference.Support;
using Weir.Tests.Retrieval.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Retrieval;

/// <summary>Embedding models over HTTP, in a whole server.</summary>
public sealed class EmbeddingsThroughTheServerTests
{
    [Fact]
    public async Task Post_WithoutConfiguration_IsAnsweredByTheDefaultModelAndThenFromTheCache()
    {
        await using var server = await RunningServer.StartAsync();

        using var first = await PostAsync(server, """{"model":"default","input":["a weir","a dam","a weir"]}""");
        using var again = await PostAsync(server, """{"model":"default","input":["a dam"],"encoding_format":"base64"}""");

        first.StatusCode.ShouldBe(HttpStatusCode.OK);
        first.Headers.GetValues("x-weir-cache").ShouldBe(["miss"]);
        first.Headers.GetValues("x-weir-deployment").ShouldBe(["weir/default"]);
        var data = (await JsonAsync(first))["data"]!.AsArray();
        data.Count.ShouldBe(3);
        data[0]!["embedding"]!.AsArray().Count.ShouldBe(384);
        data[2]!["embedding"]!.ToJsonString().ShouldBe(data[0]!["embedding"]!.ToJsonString());
        again.Headers.GetValues("x-weir-cache").ShouldBe(["hit"]);
        again.Content.Headers.ContentLength.ShouldNotBeNull();
        var floats = MemoryMarshal.Cast<byte, float>(Convert.FromBase64String((string)(await JsonAsync(again))["data"]![0]!["embedding"]!)).ToArray();
        floats.ShouldBe(data[1]!["embedding"]!.AsArray().Select(value => (float)value!).ToArray());
    }

    [Fact]
    public async Task Post_WithoutAModel_IsToldOfEmbeddingModelsAndAnAnswerHasNoAttempts()
    {
        await using var server = await RunningServer.StartAsync();

        using var refused = await PostAsync(server, """{"input":"a weir"}""");
        using var answered = await PostAsync(server, """{"model":"default","input":"a weir"}""");

        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        ((string)(await JsonAsync(refused))["error"]!["message"]!).ShouldContain("an embedding model such as 'default'");
        answered.Headers.Contains("x-weir-attempts").ShouldBeFalse();
    }

    [Fact]
    public async Task ReadAgain_FilesOfAModelWereReplaced_ServesTheNewOnes()
    {
        var folder = Directory.CreateTempSubdirectory("weir-replaced-");
        try
        {
            StaticModelFolder.Write(folder.FullName, 300, 16, seed: 1);
            var models = new Dictionary<string, EmbeddingModelOptions> { ["m"] = new() { Kind = EmbeddingModelKind.Static, Path = folder.FullName } };
            await using var server = await RunningServer.StartAsync(new() { Weir = new() { Embeddings = new() { Models = models } } });
            using var before = await PostAsync(server, """{"model":"m","input":"a"}""");
            var revision = before.Headers.GetValues("x-weir-embedding-revision").Single();

            var next = Directory.CreateDirectory(Path.Combine(folder.FullName, "next")).FullName;
            StaticModelFolder.Write(next, 300, 16, seed: 2);
            File.Move(Path.Combine(next, "model.safetensors"), Path.Combine(folder.FullName, "model.safetensors"), overwrite: true);
            server.Service<LiveConfiguration>().ReadAgain().ShouldBeEmpty();

            await Eventually.TrueAsync(() => server.Service<EmbeddingService>().DescribeModels().Single(model => model.Name == "m").Revision != revision);
            using var after = await PostAsync(server, """{"model":"m","input":"a"}""");
            after.Headers.GetValues("x-weir-embedding-revision").Single().ShouldNotBe(revision);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Explain_ForAnAdminAlone_TellsWhoCalled()
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await PostAsync(server, """{"model":"default","input":"a weir"}""");

        using var mine = await PostAsync(server, """{"text":"a weir"}""", path: "/v1/embeddings/explain");
        using var admins = await server.SendAsync(HttpMethod.Post, "/v1/embeddings/explain", server.AdminKey, JsonContent.Create(new { text = "a weir" }));

        ((await JsonAsync(mine))["callers"], (int)(await JsonAsync(mine))["calls"]!["count"]!).ShouldBe((null, 1));
        var callers = (await JsonAsync(admins))["callers"]!.AsArray();
        (callers.Count, (int)callers[0]!["count"]!).ShouldBe((1, 1));
        callers[0]!["client"].ShouldNotBeNull();
    }

    [Fact]
    public async Task Post_TellsTheRevisionOfTheModelAndExplainAgrees()
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await PostAsync(server, """{"model":"default","input":"a weir","dimensions":100}""");
        using var explained = await PostAsync(server, """{"text":"a weir","dimensions":100}""", path: "/v1/embeddings/explain");

        var revision = answer.Headers.GetValues("x-weir-embedding-revision").Single();
        revision.Length.ShouldBe(32);
        var explanation = await JsonAsync(explained);
        ((string)explanation["revision"]!, (string)explanation["cached"]!, (int)explanation["dimensions"]!).ShouldBe((revision, "memory", 100));
    }

    [Fact]
    public async Task RouteModel_IsOneRequestOfItsClientsWithTheTokensOfTheProvider()
    {
        await using var upstream = new EmbeddingUpstream();
        await using var server = await RunningServer.StartAsync(new() { Weir = Routed(upstream) });
        var traffic = server.Service<Weir.Inference.InferenceMetrics>().Traffic;

        using var answer = await PostAsync(server, """{"model":"shared","input":["hello","hi"]}""");
        using var local = await PostAsync(server, """{"model":"default","input":"twelve bytes"}""");

        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        var minutes = traffic.Recent();
        minutes.Sum(minute => minute.CountOf(RequestOutcomes.Succeeded)).ShouldBe(2);
        minutes.Sum(minute => minute.InputTokens).ShouldBe(7 + 4);
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"model":"default","messages":[]}""", 422, "embedding model")]
    [InlineData("/v1/messages", """{"model":"default","messages":[]}""", 422, "embedding model")]
    [InlineData("/v1/embeddings", """{"model":"default","input":["ok",""]}""", 400, "input[1]")]
    [InlineData("/v1/embeddings", """{"model":"default","input":["ok","\ud800"]}""", 400, "input[1]")]
    [InlineData("/v1/embeddings", """{"model":"default","input":"x","dimensions":4000}""", 422, "384")]
    [InlineData("/v1/embeddings", """{"model":"default","input":[1,2]}""", 400, "token")]
    [InlineData("/v1/embeddings", """{"model":"defualt","input":"x"}""", 404, "Did you mean default?")]
    public async Task Post_Mistake_IsAnsweredWithItsPlace(string path, string body, int status, string says)
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await PostAsync(server, body, path: path);

        var text = await answer.Content.ReadAsStringAsync();
        ((int)answer.StatusCode).ShouldBe(status, text);
        text.ShouldContain(says);
        answer.Headers.GetValues("x-should-retry").ShouldBe(["false"]);
    }

    [Fact]
    public async Task Post_InvalidUtf8_IsMalformed()
    {
        await using var server = await RunningServer.StartAsync();
        byte[] body = [.. """{"model":"default","input":"x"""u8, 0xff, 0xfe, .. "\"}"u8];

        using var answer = await server.SendAsync(HttpMethod.Post, "/v1/embeddings", body: new ByteArrayContent(body));

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Models_ListThemAndFindThem()
    {
        await using var server = await RunningServer.StartAsync(new() { Weir = With(new() { ["potion"] = new() { Dimensions = 64 } }) });

        var list = (await JsonAsync(await server.Client.GetAsync("/v1/models")))["data"]!.AsArray().Select(model => (string)model!["id"]!);
        using var found = await server.Client.GetAsync("/v1/models/potion");

        list.ShouldBe(["default", "potion"]);
        found.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Key_ThatMayNotUseAModel_NeitherSeesNorAsksIt()
    {
        await using var server = await RunningServer.StartAsync(new() { Weir = With(new() { ["secret"] = new() }) });
        var key = await server.AddKeyAsync(new KeyRequest { Roles = ["app"], Routes = ["default"] });

        using var answer = await PostAsync(server, """{"model":"secret","input":"x"}""", key);
        using var explained = await PostAsync(server, """{"model":"secret","text":"x"}""", key, "/v1/embeddings/explain");
        using var list = await server.SendAsync(HttpMethod.Get, "/v1/models", key);

        answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        explained.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await list.Content.ReadAsStringAsync()).ShouldNotContain("secret");
    }

    [Fact]
    public async Task RouteModel_IsPaidOnceByWhoAskedFirst()
    {
        await using var upstream = new EmbeddingUpstream();
        await using var server = await RunningServer.StartAsync(new() { Weir = Routed(upstream) });
        var first = await server.AddKeyRecordAsync(new KeyRequest { Roles = ["app"], Tenant = "one" });
        var second = await server.AddKeyRecordAsync(new KeyRequest { Roles = ["app"], Tenant = "two" });

        using var paid = await PostAsync(server, """{"model":"shared","input":["hello","hi"]}""", first.Secret);
        using var free = await PostAsync(server, """{"model":"shared","input":["hi","hello"]}""", second.Secret);

        paid.StatusCode.ShouldBe(HttpStatusCode.OK, await paid.Content.ReadAsStringAsync());
        free.Headers.GetValues("x-weir-cache").ShouldBe(["hit"]);
        upstream.Calls.Count.ShouldBe(1);
        (await JsonAsync(free))["usage"]!["total_tokens"]!.GetValue<int>().ShouldBeGreaterThan(0);
        var lines = await UsageAsync(server);
        lines.Single(line => (string)line!["key"]! == first.Record.Id)!["input_tokens"]!.GetValue<long>().ShouldBe(7);
        lines.Single(line => (string)line!["key"]! == second.Record.Id)!["input_tokens"]!.GetValue<long>().ShouldBe(0);
    }

    [Fact]
    public async Task RouteModel_NamedLikeItsRoute_AsksTheProviderAndNotItself()
    {
        await using var upstream = new EmbeddingUpstream();
        var weir = Routed(upstream) with
        {
            Embeddings = new() { Models = new Dictionary<string, EmbeddingModelOptions> { ["up/real"] = new() { Kind = EmbeddingModelKind.Route, Route = "up/real" } } },
        };
        await using var server = await RunningServer.StartAsync(new() { Weir = weir });

        using var answer = await PostAsync(server, """{"model":"up/real","input":"hello"}""");

        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        upstream.Calls.Count.ShouldBe(1);
    }

    [Fact]
    public async Task PlainRoute_StaysAPassThrough()
    {
        await using var upstream = new EmbeddingUpstream();
        await using var server = await RunningServer.StartAsync(new() { Weir = Routed(upstream) });

        using var answer = await PostAsync(server, """{"model":"up/real","input":"hello"}""");

        (await answer.Content.ReadAsStringAsync()).ShouldContain("real-model-001");
        answer.Headers.GetValues("x-weir-deployment").ShouldBe(["up/real"]);
    }

    [Fact]
    public async Task ProviderThatRefuses_IsAnsweredInOurShapeWithItsStatus()
    {
        await using var upstream = new EmbeddingUpstream();
        await using var server = await RunningServer.StartAsync(new() { Weir = Routed(upstream) });

        using var answer = await PostAsync(server, """{"model":"shared","input":["bad"]}""");

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var error = (await JsonAsync(answer))["error"]!;
        ((string)error["message"]!).ShouldContain("a text is bad");
        ((string)error["code"]!).ShouldBe("bad_text");
    }

    [Fact]
    public async Task Batch_OfEmbeddings_IsAnsweredInOrder()
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await PostAsync(
            server,
            """{"requests":[{"custom_id":"a","url":"/v1/embeddings","body":{"model":"default","input":"one"}},{"custom_id":"b","url":"/v1/embeddings","body":{"model":"default","input":""}}]}""",
            path: "/v1/batch");

        var results = (await JsonAsync(answer))["results"]!;
        ((int)results[0]!["response"]!["status_code"]!).ShouldBe(200);
        results[0]!["response"]!["body"]!["data"]![0]!["embedding"]!.AsArray().Count.ShouldBe(384);
        results[1]!.ToJsonString().ShouldContain("empty text");
    }

    [Fact]
    public async Task Reload_OfModels_SwapsThemWhileRequestsAreServed()
    {
        await using var server = await RunningServer.StartAsync();
        var live = server.Service<LiveConfiguration>();
        using var stop = new CancellationTokenSource();
        var asking = Task.WhenAll(Enumerable.Range(0, 4).Select(i => AskUntilAsync(server, i, stop.Token)));

        for (var round = 0; round < 20; round++)
        {
            var models = new Dictionary<string, EmbeddingModelOptions> { ["default"] = new() { Dimensions = round % 2 == 0 ? 64 : 128 }, [$"extra{round}"] = new() };
            live.Swap(live.Current with { Embeddings = new() { Models = models } }).ShouldBeEmpty();
            using var extra = await PostAsync(server, $$"""{"model":"extra{{round}}","input":"x"}""");
            extra.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        await stop.CancelAsync();
        await asking;
        using var gone = await PostAsync(server, """{"model":"extra0","input":"x"}""");
        gone.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Explain_Stats_AndClear_SayWhatIsKept()
    {
        await using var server = await RunningServer.StartAsync();
        var admin = server.AdminKey;
        using var _ = await PostAsync(server, """{"model":"default","input":"a weir"}""");

        var explained = await JsonAsync(await PostAsync(server, """{"text":"a weir"}""", path: "/v1/embeddings/explain"));
        ((string)explained["cached"]!).ShouldBe("memory");
        ((int)explained["calls"]!["count"]!).ShouldBe(1);
        var stats = await JsonAsync(await server.SendAsync(HttpMethod.Get, "/v1/embeddings/stats"));
        ((long)stats["cache"]!["entries"]!).ShouldBe(1);
        stats["clients"]!.AsArray().ShouldHaveSingleItem()!["client"]!.GetValue<string>().ShouldBe("loopback");

        (await server.SendAsync(HttpMethod.Delete, "/v1/embeddings/cache")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await server.SendAsync(HttpMethod.Delete, "/v1/embeddings/cache", admin)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        ((long)(await JsonAsync(await server.SendAsync(HttpMethod.Get, "/v1/embeddings/stats")))["cache"]!["entries"]!).ShouldBe(0);
    }

    [Fact]
    public async Task Stats_OfAnotherTenant_ShowNothingOfIt()
    {
        await using var server = await RunningServer.StartAsync();
        var one = await server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "one" });
        var two = await server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "two" });
        using var _ = await PostAsync(server, """{"model":"default","input":"private"}""", one);

        var stats = await JsonAsync(await server.SendAsync(HttpMethod.Get, "/v1/embeddings/stats", two));
        var explained = await JsonAsync(await PostAsync(server, """{"text":"private"}""", two, "/v1/embeddings/explain"));
        var all = await JsonAsync(await server.SendAsync(HttpMethod.Get, "/v1/embeddings/stats", server.AdminKey));

        stats["clients"]!.AsArray().ShouldBeEmpty();
        explained["calls"].ShouldBeNull();
        all["clients"]!.AsArray().Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"text":""}""")]
    [InlineData("""{"text":7}""")]
    [InlineData("""{"text":"a","other":1}""")]
    [InlineData("[]")]
    public async Task Explain_Mistake_IsMalformed(string body)
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await PostAsync(server, body, path: "/v1/embeddings/explain");

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
    }

    [Fact]
    public async Task Explain_UnknownModel_IsNotFound()
    {
        await using var server = await RunningServer.StartAsync();

        (await PostAsync(server, """{"model":"gone","text":"a"}""", path: "/v1/embeddings/explain")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task ModelThatCannotBeLoaded_DegradesReadinessAndStandsInStatus()
    {
        await using var server = await RunningServer.StartAsync(new() { Weir = With(new() { ["broken"] = new() { Kind = EmbeddingModelKind.Static, Path = "/nowhere" } }) });

        using var answer = await PostAsync(server, """{"model":"broken","input":"x"}""");
        var ready = await JsonAsync(await server.Client.GetAsync("/health/ready"));
        var status = await JsonAsync(await server.Client.GetAsync("/v1/status"));
        using var other = await PostAsync(server, """{"model":"default","input":"x"}""");

        ((int)answer.StatusCode).ShouldBeGreaterThanOrEqualTo(500);
        ((string)ready["status"]!).ShouldBe("ready");
        ((string)ready["dependencies"]!["embeddings"]!["status"]!).ShouldBe("degraded");
        ready["dependencies"]!["embeddings"]!["details"]![0]!.GetValue<string>().ShouldStartWith("broken: ");
        status["embedding_models"]!.AsArray().Select(model => $"{model!["name"]} {model["kind"]}").ShouldBe(["broken static", "default hashing"]);
        other.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Paths_OfThisMachine_AreToldToAdminsOnly()
    {
        var secret = Path.Combine(Path.GetTempPath(), "weir-secret-place");
        var weir = With(new() { ["broken"] = new() { Kind = EmbeddingModelKind.Static, Path = Path.Combine(secret, "model") } });
        weir = weir with
        {
            Embeddings = weir.Embeddings with { Preload = [Path.Combine(secret, "*.txt")] },
            Catalogs = new Dictionary<string, CatalogOptions> { ["tools"] = new() { Load = Path.Combine(secret, "tools.json") } },
            Collections = new Dictionary<string, CollectionOptions> { ["docs"] = new() { Load = Path.Combine(secret, "docs") } },
        };
        await using var server = await RunningServer.StartAsync(new() { Weir = weir });
        await Eventually.TrueAsync(() => server.Service<EmbeddingService>().Snapshot() is { Preload.Sources.Count: 1 } stats && stats.Models.Any(model => model.Error is not null));
        // Without a key on loopback, with one of an app and of a node.
        string?[] others = [null, await server.AddKeyAsync("app"), await server.AddKeyAsync("node")];
        using var asked = await PostAsync(server, """{"model":"broken","input":"x"}""", others[1]);
        (await asked.Content.ReadAsStringAsync()).ShouldNotContain("weir-secret-place");

        foreach (var path in (string[])["/health/ready", "/v1/status", "/v1/embeddings/stats"])
        {
            foreach (var key in path == "/health/ready" ? [.. others, server.AdminKey] : others.Where(key => key is not null))
            {
                using var answer = await server.SendAsync(HttpMethod.Get, path, key);
                answer.StatusCode.ShouldBe(HttpStatusCode.OK);
                (await answer.Content.ReadAsStringAsync()).ShouldNotContain("weir-secret-place", Case.Sensitive, path);
            }
        }

        var ready = await JsonAsync(await server.SendAsync(HttpMethod.Get, "/health/ready"));
        ready["dependencies"]!["embeddings"]!["details"]!.AsArray().Single()!.GetValue<string>().ShouldBe("broken: it cannot be loaded.");
        foreach (var path in (string[])["/v1/status", "/v1/embeddings/stats"])
            (await (await server.SendAsync(HttpMethod.Get, path, server.AdminKey)).Content.ReadAsStringAsync()).ShouldContain("weir-secret-place", Case.Sensitive, path);
        var stats = await JsonAsync(await server.SendAsync(HttpMethod.Get, "/v1/embeddings/stats", others[1]));
        ((int)stats["preload"]!["failed"]!, stats["models"]![0]!["state"]!.GetValue<string>()).ShouldBe((0, "failed"));
    }

    [Fact]
    public async Task Post_FewerDimensionsOfAHashingModel_AreThoseOfAModelOfSoMany()
    {
        await using var server = await RunningServer.StartAsync(new() { Weir = With(new() { ["small"] = new() { Dimensions = 64 }, ["default"] = new() { Dimensions = 384 } }) });

        var cut = await JsonAsync(await PostAsync(server, """{"model":"default","input":"a weir","dimensions":64}"""));
        var small = await JsonAsync(await PostAsync(server, """{"model":"small","input":"a weir"}"""));
        using var fewer = await PostAsync(server, """{"model":"default","input":"a weir","dimensions":63}""");

        cut["data"]![0]!["embedding"]!.ToJsonString().ShouldBe(small["data"]![0]!["embedding"]!.ToJsonString());
        ((int)fewer.StatusCode).ShouldBe(422);
        (await fewer.Content.ReadAsStringAsync()).ShouldContain("64 to 384");
    }

    private static async Task AskUntilAsync(RunningServer server, int caller, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            using var answer = await PostAsync(server, $$"""{"model":"default","input":["text {{caller}} {{i}}","text {{i}}"]}""");
            answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync(CancellationToken.None));
            var lengths = (await JsonAsync(answer))["data"]!.AsArray().Select(item => item!["embedding"]!.AsArray().Count).ToArray();
            lengths.Length.ShouldBe(2);
            lengths[0].ShouldBe(lengths[1], "vectors of two models in one answer");
        }
    }

    private static async Task<List<JsonNode?>> UsageAsync(RunningServer server)
    {
        var answer = await JsonAsync(await server.SendAsync(HttpMethod.Get, "/v1/usage?by=key", server.AdminKey));
        return [.. answer["data"]!.AsArray()];
    }

    private static WeirOptions With(Dictionary<string, EmbeddingModelOptions> models) => new() { Embeddings = new() { Models = models } };

    private static WeirOptions Routed(EmbeddingUpstream upstream) => new()
    {
        Providers = new Dictionary<string, ProviderOptions> { ["up"] = new() { Dialect = Dialect.OpenAI, BaseUrl = upstream.Provider.BaseUrl } },
        Embeddings = new() { Models = new Dictionary<string, EmbeddingModelOptions> { ["shared"] = new() { Kind = EmbeddingModelKind.Route, Route = "up/real" } } },
    };

    private static Task<HttpResponseMessage> PostAsync(RunningServer server, string body, string? key = null, string path = "/v1/embeddings") =>
        server.SendAsync(HttpMethod.Post, path, key, new StringContent(body, Encoding.UTF8, "application/json"));

    private static async Task<JsonNode> JsonAsync(HttpResponseMessage answer) => JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
}
