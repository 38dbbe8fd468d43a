using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Providers;
using Weir.Leases.Kinds;
using Weir.Tests.Server.Leases;

namespace Weir.Tests.Server.Endpoints;

/// <summary>What is well-formed JSON and cannot be kept: half of a surrogate pair in an escape, and what nests too deep. Sent to everything that takes a body, and nothing of it is a fault of the server.</summary>
public sealed class StrangeJsonTests : IAsyncLifetime
{
    private const string Half = "\"\\ud800\"";

    private static readonly string Deep = Nested(200);
    // Within what a reader takes by default, and beyond what Weir's own bodies may have.
    private static readonly string Deeper = Nested(40);

    private RunningServer _server = null!;
    private Upstream _provider = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await Upstream.StartAsync(context =>
        {
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync(context.Request.Path.Value!.EndsWith("/messages", StringComparison.Ordinal)
                ? """{"id":"1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"""
                : """{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}""");
        });
        var options = SmallKinds.Options(null, ("plain", new KindOptions { Capacity = 2 }), ("broken", new KindOptions { Capacity = 1 }));
        _server = await RunningServer.StartAsync(options with
        {
            Weir = options.Weir with
            {
                Providers = new Dictionary<string, ProviderOptions> { ["a"] = Provider(Dialect.OpenAI), ["b"] = Provider(Dialect.Anthropic) },
                Routes = new Dictionary<string, Weir.Inference.Routing.RouteOptions> { ["chat"] = To("a"), ["claude"] = To("b") },
            },
        });
        await _server.HasAsync("plain", 2);
        await _server.HasAsync("broken", 1);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task EveryEndpoint_WhatIsNoTextOrTooDeep_IsNeverAFaultOfTheServer()
    {
        var sent = 0;
        var faults = new List<string>();
        foreach (var endpoint in _server.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>())
        {
            var path = string.Join('/', endpoint.RoutePattern.RawText!.Split('/').Select(part => part.StartsWith('{') ? "x" : part));
            foreach (var method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Where(method => method is "POST" or "PUT" or "PATCH"))
            {
                foreach (var body in BodiesFor(endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType))
                {
                    sent++;
                    if (await FaultOfAsync(method, path, body) is { } fault) faults.Add(fault);
                }
            }
        }

        faults.ShouldBeEmpty();
        sent.ShouldBeGreaterThan(400);
    }

    /// <summary>Bodies that pass the checks before the field that matters.</summary>
    public static TheoryData<string, string, string> Reaching { get; } = new()
    {
        { "POST", "/v1/leases", """{"worker_id":"w","resources":[{"kind":"broken","config":#}]}""" },
        { "POST", "/v1/leases", """{"worker_id":"w","resources":[{"kind":"rag","config":{"filter":#}}]}""" },
        { "POST", "/v1/leases", """{"worker_id":"w","resources":[{"kind":"plain"}],"labels":{"a":#}}""" },
        { "POST", "/v1/leases", """{"worker_id":#,"resources":[{"kind":"plain"}]}""" },
        { "POST", "/allocate", """{"resource_types":["plain"],"worker_id":#}""" },
        { "POST", "/v1/batch", """{"requests":[{"custom_id":"a","url":"/v1/chat/completions","body":{"model":"m","messages":#}}]}""" },
        { "POST", "/v1/collections/c/search", """{"query":#}""" },
        { "POST", "/v1/collections/c/search", """{"query":"a","filter":#}""" },
        { "POST", "/v1/collections/c/documents", """[{"id":"a","text":"b","metadata":{"m":#}}]""" },
        { "PUT", "/v1/collections/c", """{"embedding_model":#}""" },
        { "PUT", "/v1/kinds/k", """{"capacity":1,"aliases":[#]}""" },
        { "PUT", "/v1/kinds/remote:k", """{"endpoints":[{"id":"a","base_url":"http://127.0.0.1:9","headers":{"a":#}}]}""" },
        { "PUT", "/v1/catalogs/c/tools", """[{"name":"a","parameters":#}]""" },
        { "PUT", "/v1/catalogs/c/tools", """{"tools":[{"name":"a"}],"x":#}""" },
        { "POST", "/v1/catalogs/c/tools", """{"tools":[{"name":"a","description":#}]}""" },
        { "POST", "/v1/catalogs/c/tools", """{"name":"a","parameters":#}""" },
        { "POST", "/v1/catalogs/c/search", """{"query":#}""" },
        { "POST", "/v1/embeddings", """{"model":"default","input":#}""" },
        { "POST", "/v1/keys", """{"name":#,"roles":["app"]}""" },
    };

    [Theory]
    [InlineData("/v1/chat/completions", """{"model":"$","messages":[{"role":"user","content":"a"}],"max_tokens":1,"~":#}""", "model,user,metadata,tools,stop,response_format,x")]
    [InlineData("/v1/chat/completions", """{"model":"$","messages":[{"role":"user","~":#,"content":"a"}]}""", "role,content,name,tool_calls")]
    [InlineData("/v1/messages", """{"model":"$","max_tokens":1,"messages":[{"role":"user","content":"a"}],"~":#}""", "model,system,metadata,tools,stop_sequences,x")]
    [InlineData("/v1/messages", """{"model":"$","max_tokens":1,"messages":[{"role":"user","~":#,"content":"a"}]}""", "role,content")]
    [InlineData("/v1/responses", """{"model":"$","input":"a","~":#}""", "model,input,user,metadata,tools,previous_response_id,x")]
    [InlineData("/v1/embeddings", """{"model":"default","input":"a","~":#}""", "model,input,user,x")]
    public async Task Inference_WhatIsNoTextOrTooDeep_IsTheClientsFaultInEveryDialect(string path, string body, string fields)
    {
        foreach (var route in (string[])["chat", "claude"])
        {
            foreach (var field in fields.Split(','))
            {
                foreach (var value in (string[])[Half, $"{{\"a\":{Half}}}", $"[{Half}]", "{\"\\ud800\":1}", $"[{{\"type\":{Half},\"name\":{Half}}}]", Deep, Deeper])
                {
                    var sent = body.Replace($"\"~\"", $"\"{field}\"", StringComparison.Ordinal).Replace("#", value, StringComparison.Ordinal).Replace("$", route, StringComparison.Ordinal);
                    (await FaultOfAsync("POST", path, field == "model" ? sent.Replace($"\"model\":\"{route}\",", "", StringComparison.Ordinal) : sent)).ShouldBeNull();
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Reaching))]
    public async Task Field_WhatIsNoTextOrTooDeep_IsTheClientsFault(string method, string path, string body)
    {
        await PutAsync("/v1/collections/c", "{}");
        await PutAsync("/v1/catalogs/c", "{}");

        foreach (var value in (string[])[Half, $"{{\"a\":{Half}}}", $"[{Half}]", "{\"\\ud800\":1}", "\"{\\\"a\\\":\\\"\\\\ud800\\\"}\"", Deep, Deeper])
            (await FaultOfAsync(method, path, body.Replace("#", value, StringComparison.Ordinal))).ShouldBeNull();
    }

    [Theory]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"broken","config":{"works":1,"a":[0,"\ud800"]}}]}""", "resources[0].config.a[1]", "half of a surrogate pair")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"broken","config":{"works":{"\udc00":1}}}]}""", "resources[0].config.works", "half of a surrogate pair")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"plain"}],"labels":{"a":"x\ud800"}}""", "labels.a", "half of a surrogate pair")]
    [InlineData("""{"worker_id":"\ud800","resources":[{"kind":"plain"}]}""", "worker_id", "half of a surrogate pair")]
    [InlineData("""{"worker_id":"w","\ud800":1}""", null, "half of a surrogate pair")]
    [InlineData("""{"worker_id":"w","resources":[{"kind":"broken","config":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}]}""", "resources[0].config", "nested too deeply: at most 32 levels are taken")]
    public async Task Lease_WhatCannotBeKept_IsRefusedNamingTheField(string body, string? param, string says)
    {
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/leases", body: Json(body));

        var problem = JsonElement.Parse(await answer.Content.ReadAsStringAsync());
        ((int)answer.StatusCode, problem.GetProperty("code").GetString()).ShouldBe((400, "malformed"), problem.GetRawText());
        problem.GetProperty("detail").GetString()!.ShouldContain(says);
        (problem.TryGetProperty("param", out var named) ? named.GetString() : null).ShouldBe(param);
    }

    [Fact]
    public async Task Lease_WholePairsAndEscapedEscapes_AreTakenAndShownAgain()
    {
        const string Config = """{"works":"\ud83d\ude00 \\ud800 é"}""";
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/leases", body: Json($$"""{"worker_id":"w","resources":[{"kind":"broken","config":{{Config}}}]}"""));

        ((int)answer.StatusCode).ShouldBe(201);
        var lease = JsonElement.Parse(await answer.Content.ReadAsStringAsync());
        lease.GetProperty("resources")[0].GetProperty("details").GetProperty("works").GetString().ShouldBe("😀 \\ud800 é");
    }

    [Theory]
    [InlineData("""{"query":"\ud800"}""", "query", "half of a surrogate pair")]
    [InlineData("""{"queries":["a","\ud800"]}""", "queries[1]", "half of a surrogate pair")]
    [InlineData("""{"\ud800":1}""", null, "half of a surrogate pair")]
    [InlineData("""[{"\ud800":1}]""", "[0]", "half of a surrogate pair")]
    [InlineData(null, null, "nested too deeply: at most 64 levels are taken")]
    public async Task Door_WhatIsNoTextOrTooDeep_IsRefusedBeforeTheKindSeesIt(string? body, string? param, string says)
    {
        using var allocated = await _server.SendAsync(HttpMethod.Post, "/v1/leases", body: Json("""{"worker_id":"w","resources":[{"kind":"plain"}]}"""));
        var resource = JsonElement.Parse(await allocated.Content.ReadAsStringAsync()).GetProperty("resources")[0];
        var door = new Uri(resource.GetProperty("base_url").GetString()!).AbsolutePath;

        using var answer = await _server.SendAsync(HttpMethod.Post, $"{door}/query", resource.GetProperty("token").GetString(), Json(body ?? Deep));

        var problem = JsonElement.Parse(await answer.Content.ReadAsStringAsync());
        ((int)answer.StatusCode, problem.GetProperty("code").GetString()).ShouldBe((400, "malformed"), problem.GetRawText());
        problem.GetProperty("detail").GetString()!.ShouldContain(says);
        (problem.TryGetProperty("param", out var named) ? named.GetString() : null).ShouldBe(param);
    }

    private ProviderOptions Provider(Dialect dialect) =>
        new() { Dialect = dialect, BaseUrl = _provider.Address + "/v1", ApiKey = "sk-test", Retry = new RetryOptions { Network = 0, Unavailable = 0 } };

    private static Weir.Inference.Routing.RouteOptions To(string provider) => new() { Deployments = [new() { Provider = provider, Model = "m" }] };

    private static IEnumerable<string> BodiesFor(Type? type)
    {
        foreach (var value in (string[])[Half, $"[{Half}]", $"[{{\"a\":{Half}}}]", "[{\"\\ud800\":1}]", "{\"\\ud800\":1}", "{\"a\\ud800\":1}", $"{{\"a\":{Half}}}", Deep, Deeper])
            yield return value;
        foreach (var property in type?.GetProperties() ?? [])
        {
            var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
            foreach (var value in (string[])[Half, $"[{Half}]", $"{{\"a\":{Half}}}", "{\"\\ud800\":1}", $"[{{\"a\":{Half}}}]", $"[{{\"name\":{Half}}}]", "[{\"\\ud800\":1}]", Deep, Deeper])
                yield return $"{{\"{name}\":{value}}}";
        }
    }

    /// <returns>Null: the answer is the client's fault, or fine.</returns>
    private async Task<string?> FaultOfAsync(string method, string path, string body)
    {
        using var content = Json(body);
        try
        {
            using var answer = await _server.SendAsync(new HttpMethod(method), path, _server.AdminKey, content, ("Accept", "application/json, text/event-stream"));
            var said = await answer.Content.ReadAsStringAsync();
            return (int)answer.StatusCode >= 500 || said.Contains("-32603", StringComparison.Ordinal) || said.Contains("UTF-16", StringComparison.Ordinal)
                ? $"{method} {path} {Short(body)}: {(int)answer.StatusCode} {Short(said)}"
                : null;
        }
        catch (Exception cut) when (cut is HttpRequestException or IOException)
        {
            return $"{method} {path} {Short(body)}: {cut.Message}";
        }
    }

    private async Task PutAsync(string path, string body)
    {
        using var answer = await _server.SendAsync(HttpMethod.Put, path, _server.AdminKey, Json(body));
        answer.IsSuccessStatusCode.ShouldBeTrue(await answer.Content.ReadAsStringAsync());
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static string Nested(int levels) => string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels);

    private static string Short(string text) => text.Length <= 300 ? text : text[..300] + "…";
}
