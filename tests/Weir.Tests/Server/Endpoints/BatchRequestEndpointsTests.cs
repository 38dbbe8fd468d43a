using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Server.Endpoints;

public sealed class BatchRequestEndpointsTests : IAsyncLifetime
{
    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ScriptedUpstream _upstream = null!;
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => await StartAsync(exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer));

    public async ValueTask DisposeAsync()
    {
        _go.TrySetResult();
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Batch_GoodAndBadTogether_AnswersInOrderWithAnErrorForEachBadOne()
    {
        var results = await SendAsync($$$"""
            {"requests":[
              {{{Item("a")}}},
              {"custom_id":"b","url":"/v1/models","body":{"model":"box/m"}},
              {"custom_id":"c","url":"/v1/chat/completions","body":{"messages":[]}},
              {"custom_id":"d","url":"/v1/chat/completions","body":{"model":"box/m","stream":true}},
              {"custom_id":"e","method":"POST","url":"/v1/completions","body":{"model":"box/m","prompt":"x"}},
              {"url":"/v1/completions","body":{"model":"box/m"}},
              17,
              {"custom_id":"f","url":"/v1/chat/completions"},
              {"custom_id":"g","url":"/v1/chat/completions","body":{"model":"nowhere/m"}},
              {"custom_id":"h","url":"/v1/chat/completions","body":"text"},
              {{{Item("a")}}}
            ]}
            """);
        results.Select(result => (string?)result!["custom_id"]).ShouldBe(["a", "b", "c", "d", "e", null, null, "f", "g", "h", "a"]);
        results.Select(result => (int)(result!["response"] ?? result["error"])!["status_code"]!).ShouldBe([200, 400, 400, 400, 200, 400, 400, 400, 404, 400, 200]);
        results.Count(result => result!["error"] is not null).ShouldBe(8);
        results[0]!["response"]!["body"]!.ToJsonString().ShouldBe(JsonNode.Parse(ScriptedUpstream.Answer)!.ToJsonString());
        ((string)results[8]!["error"]!["code"]!).ShouldBe("model_not_found");
        _upstream.Requests.Count(request => request.Method == "POST").ShouldBe(3);
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("[]", 400)]
    [InlineData("{}", 400)]
    [InlineData("""{"requests":[]}""", 400)]
    [InlineData("""{"requests":{}}""", 400)]
    [InlineData("""{"requests":[{}],"requests":[{}]}""", 400)]
    [InlineData("""{"requests":[{}],"max_concurrency":0}""", 400)]
    [InlineData("""{"requests":[{}],"max_concurrency":"2"}""", 400)]
    [InlineData("""{"requests":[{}],"other":1}""", 400)]
    [InlineData("""{"requests":[{}]""", 400)]
    [InlineData("""{"requests":[{}]} x""", 400)]
    [InlineData("""{"requests":[{"custom_id":"\ud800"}]}""", 400)]
    public async Task Batch_WrongAsAWhole_IsOneProblem(string body, int status)
    {
        using var answer = await PostAsync(body);
        ((int)answer.StatusCode).ShouldBe(status);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
    }

    [Fact]
    public async Task Batch_MoreItemsThanAllowed_IsRefused()
    {
        using var answer = await PostAsync($$"""{"requests":[{{string.Join(',', Enumerable.Repeat("{}", 10_001))}}]}""");
        answer.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    [Fact]
    public async Task Batch_OfManyTextsToEmbed_GoesToTheProviderTogether()
    {
        await DisposeAsync();
        var embedding = new EmbeddingUpstream();
        _upstream = embedding.Provider;
        _server = await StartServerAsync();
        var items = Enumerable.Range(0, 100).Select(i => $$$"""{"custom_id":"{{{i}}}","url":"/v1/embeddings","body":{"model":"box/m","input":"t{{{i % 30}}}"} }""");
        var results = await SendAsync($$"""{"requests":[{{string.Join(',', items)}}]}""");
        results.Select(result => (string)result!["custom_id"]!).ShouldBe(Enumerable.Range(0, 100).Select(i => $"{i}"));
        results.Select(result => result!["response"]!["body"]!["data"]![0]!["embedding"]!.ToJsonString())
            .ShouldBe(Enumerable.Range(0, 100).Select(i => EmbeddingUpstream.VectorOf($"t{i % 30}")));
        embedding.Calls.Count.ShouldBeLessThan(100);
    }

    [Fact]
    public async Task Batch_EachRequest_CountsWithItsKey()
    {
        var key = await _server.AddKeyAsync(new KeyRequest { RequestsPerMinute = 3, MaxInFlight = 2 });
        var results = await SendAsync($$"""{"requests":[{{string.Join(',', Enumerable.Range(0, 5).Select(i => Item($"{i}")))}}]}""", key);
        results.Count(result => result!["response"] is not null).ShouldBe(3);
        results.Where(result => result!["error"] is not null).ShouldAllBe(result => (string)result!["error"]!["code"]! == "key_requests_per_minute");
    }

    [Fact]
    public async Task Batch_ProviderRefusesOne_ItsWordsAreInTheError()
    {
        await DisposeAsync();
        await StartAsync(exchange => exchange.RespondAsync(422, """{"error":{"message":"no such thing"}}"""));
        var error = (await SendAsync($$"""{"requests":[{{Item("a")}}]}""")).Single()!["error"]!;
        ((int)error["status_code"]!, (string)error["code"]!, (string)error["body"]!["error"]!["message"]!).ShouldBe((422, "provider_rejected", "no such thing"));
    }

    [Fact]
    public async Task Batch_FirstIsDone_IsReadWhileOthersAreUnderWay_NoMoreThanAsked()
    {
        var inFlight = 0;
        var most = 0;
        var served = 0;
        await DisposeAsync();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await StartAsync(async exchange =>
        {
            most = Math.Max(most, Interlocked.Increment(ref inFlight));
            if (Interlocked.Increment(ref served) > 1)
            {
                await go.Task;
            }

            Interlocked.Decrement(ref inFlight);
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        using var answer = await PostAsync($$"""{"requests":[{{string.Join(',', Enumerable.Range(0, 20).Select(i => Item($"n{i}")))}}],"max_concurrency":1}""");
        await using var stream = await answer.Content.ReadAsStreamAsync();
        var seen = "";
        var buffer = new byte[4096];
        while (!seen.Contains("\"n0\"", StringComparison.Ordinal))
        {
            seen += Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer));
        }

        go.SetResult();
        using var rest = new StreamReader(stream);
        JsonNode.Parse(seen + await rest.ReadToEndAsync())!["results"]!.AsArray().Count.ShouldBe(20);
        most.ShouldBe(1);
    }

    [Theory]
    [InlineData(3, null)]
    [InlineData(50, 3)]
    public async Task Batch_MoreThanProviderMayHaveInFlight_NoneIsRefusedByItsQueue(int cap, int? narrowed)
    {
        var (inFlight, most) = (0, 0);
        await DisposeAsync();
        _upstream = new ScriptedUpstream(async exchange =>
        {
            most = Math.Max(most, Interlocked.Increment(ref inFlight));
            await Task.Delay(5, CancellationToken.None);
            Interlocked.Decrement(ref inFlight);
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        _server = await StartServerAsync(new LimitOptions { MaxConcurrency = cap, Queue = 1 }, narrowed);
        var results = await SendAsync($$"""{"requests":[{{string.Join(',', Enumerable.Range(0, 100).Select(i => Item($"{i}", "fast")))}}]}""");
        results.ShouldAllBe(result => result!["response"] != null);
        most.ShouldBeInRange(1, 3);
    }

    [Fact]
    public async Task Batch_QueueIsFullOfOthers_IsTriedAgainUntilItsDeadline()
    {
        await DisposeAsync();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _upstream = new ScriptedUpstream(async exchange =>
        {
            await go.Task;
            await exchange.RespondAsync(200, ScriptedUpstream.Answer);
        });
        _server = await StartServerAsync(new LimitOptions { MaxConcurrency = 1, Queue = 1 }, null);
        Task<HttpResponseMessage> Other() => _server.SendAsync(HttpMethod.Post, "/v1/chat/completions", null, Json("""{"model":"fast","messages":[]}"""));
        var others = new[] { Other(), Other() };
        await _upstream.ReceivedAsync();
        var body = $$"""{"requests":[{{Item("a", "fast")}}]}""";
        using (var hurried = await _server.SendAsync(HttpMethod.Post, "/v1/batch", null, Json(body), ("x-weir-timeout", "90ms")))
        {
            var code = (string)JsonNode.Parse(await hurried.Content.ReadAsStringAsync())!["results"]![0]!["error"]!["code"]!;
            code.ShouldBeOneOf("overloaded", "deadline_exceeded");
        }

        var patient = SendAsync(body);
        await Task.Delay(150, CancellationToken.None);
        patient.IsCompleted.ShouldBeFalse();
        go.SetResult();
        (await patient).Single()!["response"].ShouldNotBeNull();
        foreach (var other in await Task.WhenAll(others))
        {
            other.Dispose();
        }
    }

    [Fact]
    public async Task Batch_ClientLeaves_WhatIsLeftIsCancelled()
    {
        await DisposeAsync();
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await StartAsync(async exchange =>
        {
            await exchange.ClosedByGatewayAsync();
            closed.TrySetResult();
        });
        using var leave = new CancellationTokenSource();
        var sending = _server.Client.PostAsync("/v1/batch", Json($$"""{"requests":[{{string.Join(',', Enumerable.Range(0, 300).Select(i => Item($"{i}")))}}],"max_concurrency":2}"""), leave.Token);
        await _upstream.ReceivedAsync();
        await leave.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(sending);
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        _upstream.Requests.Count.ShouldBeLessThan(300);
    }

    [Theory]
    [InlineData("on", HttpStatusCode.OK)]
    [InlineData("off", HttpStatusCode.OK)]
    [InlineData("yes", HttpStatusCode.BadRequest)]
    [InlineData("ON", HttpStatusCode.BadRequest)]
    public async Task CacheHeader_KnowsTwoWords(string word, HttpStatusCode status)
    {
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/chat/completions", null, Json("""{"model":"box/m","messages":[]}"""), ("x-weir-cache", word));
        answer.StatusCode.ShouldBe(status);
    }

    [Fact]
    public async Task Cached_SecondTime_SaysHitAndCountsTheRequestWithoutTokens()
    {
        var key = await _server.AddKeyAsync(new KeyRequest { Tenant = "mine" });
        foreach (var word in (string[])["miss", "hit"])
        {
            using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/chat/completions", key, Json("""{"model":"box/m","messages":[]}"""), ("x-weir-cache", "on"));
            answer.Headers.GetValues("x-weir-cache").Single().ShouldBe(word);
            (await answer.Content.ReadAsStringAsync()).ShouldBe(ScriptedUpstream.Answer);
        }

        _upstream.Requests.Count.ShouldBe(1);
        using var usage = await _server.SendAsync(HttpMethod.Get, "/v1/usage?by=key", key);
        var totals = JsonNode.Parse(await usage.Content.ReadAsStringAsync())!["data"]![0]!;
        ((int)totals["requests"]!, (int)totals["input_tokens"]!, (int)totals["output_tokens"]!).ShouldBe((2, 3, 5));
    }

    private static string Item(string id, string model = "box/m") => $$"""{"custom_id":"{{id}}","url":"/v1/chat/completions","body":{"model":"{{model}}","messages":[]} }""";

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private async Task<JsonArray> SendAsync(string body, string? key = null)
    {
        using var answer = await PostAsync(body, key);
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        return JsonNode.Parse(text)!["results"]!.AsArray();
    }

    private Task<HttpResponseMessage> PostAsync(string body, string? key = null) => _server.SendAsync(HttpMethod.Post, "/v1/batch", key, Json(body));

    private async Task StartAsync(params Func<Exchange, Task>[] script)
    {
        _upstream = new ScriptedUpstream(script);
        _server = await StartServerAsync();
    }

    private Task<RunningServer> StartServerAsync(LimitOptions limits, int? narrowed) => RunningServer.StartAsync(new()
    {
        Weir = new WeirOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["box"] = new() { BaseUrl = _upstream.BaseUrl, Limits = limits } },
            Routes = new Dictionary<string, RouteOptions>
            {
                ["fast"] = new() { Deployments = [new DeploymentOptions { Provider = "box", Model = "m", Limits = narrowed is null ? null : new LimitOptions { MaxConcurrency = narrowed } }] },
            },
        },
    });

    private Task<RunningServer> StartServerAsync() => RunningServer.StartAsync(new()
    {
        Weir = new WeirOptions { Providers = new Dictionary<string, ProviderOptions> { ["box"] = new() { BaseUrl = _upstream.BaseUrl } } },
    });
}
