using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Collections;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

public sealed class CollectionEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        (await SendAsync("PUT", "/v1/collections/c")).Status.ShouldBe(201);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Collection_MadeChangedShownAndDeleted()
    {
        (await SendAsync("PUT", "/v1/collections/c", """{"chunk":{"tokens":64,"overlap":8}}""")).Status.ShouldBe(200);
        await IngestAsync("""[{"id":"a","text":"alpha"}]""");
        var shown = (await SendAsync("GET", "/v1/collections/c")).Body;
        shown.GetProperty("chunk").GetProperty("tokens").GetInt32().ShouldBe(64);
        (shown.GetProperty("state").GetString(), shown.GetProperty("documents").GetInt32(), shown.GetProperty("chunks").GetInt32()).ShouldBe(("ready", 1, 1));
        (await SendAsync("GET", "/v1/collections")).Body.GetProperty("data").GetArrayLength().ShouldBe(1);
        (await SendAsync("DELETE", "/v1/collections/c")).Status.ShouldBe(204);
        (await SendAsync("DELETE", "/v1/collections/c")).Status.ShouldBe(404);
        (await SendAsync("GET", "/v1/collections/c")).Body.GetProperty("code").GetString().ShouldBe("collection_not_found");
    }

    [Theory]
    [InlineData("/v1/collections/.bad", "", 422, "invalid_value")]
    [InlineData("/v1/collections/x", """{"embedding_model":"none"}""", 422, "model_not_found")]
    [InlineData("/v1/collections/x", """{"nope":1}""", 400, "malformed")]
    [InlineData("/v1/collections/x", """{"global":true}""", 403, "collection_global")]
    public async Task Put_WhatMayNotBe_IsRefused(string path, string body, int status, string code)
    {
        var answer = await SendAsync("PUT", path, body.Length == 0 ? null : body);
        (answer.Status, answer.Body.GetProperty("code").GetString()).ShouldBe((status, code));
    }

    [Fact]
    public async Task Ingest_ListWithFaults_TakesTheOthersAndTellsEach()
    {
        var answer = await IngestAsync("""[{"id":"a","text":"alpha"},{"id":"b","text":""},{"id":"c","text":"gamma","metadata":{"k":1}}]""");
        (answer.GetProperty("documents").GetInt32(), answer.GetProperty("failed_total").GetInt32()).ShouldBe((2, 1));
        var failed = answer.GetProperty("failed")[0];
        (failed.GetProperty("id").GetString(), failed.GetProperty("code").GetString()).ShouldBe(("b", "empty_text"));
        (await IngestAsync("""{"id":"a","text":"alpha"}""")).GetProperty("unchanged").GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task Ingest_LinesTextAndMarkdown_AreTakenIn()
    {
        (await SendAsync("POST", "/v1/collections/c/documents", "{\"id\":\"a\",\"text\":\"alpha\"}\n{\"id\":\"b\",\"text\":\"beta\"}\nnope\n", "application/x-ndjson"))
            .Body.GetProperty("failed")[0].GetProperty("line").GetInt32().ShouldBe(3);
        (await SendAsync("POST", "/v1/collections/c/documents?id=docs%2Fguide.md&title=The%20guide", "# Guide\n\nInstall it.", "text/markdown")).Status.ShouldBe(200);
        (await SendAsync("POST", "/v1/collections/c/documents", "plain words", "text/plain; charset=utf-8")).Status.ShouldBe(200);
        foreach (var path in (string[])["docs%2Fguide.md", "docs/guide.md"])
        {
            var document = (await SendAsync("GET", $"/v1/collections/c/documents/{path}")).Body;
            (document.GetProperty("id").GetString(), document.GetProperty("metadata").GetProperty("title").GetString()).ShouldBe(("docs/guide.md", "The guide"));
        }

        var page = (await SendAsync("GET", "/v1/collections/c/documents?limit=3")).Body;
        (page.GetProperty("data").GetArrayLength(), page.GetProperty("has_more").GetBoolean()).ShouldBe((3, true));
        (await SendAsync("GET", $"/v1/collections/c/documents?limit=3&after={Uri.EscapeDataString(page.GetProperty("after").GetString()!)}")).Body.GetProperty("data").GetArrayLength().ShouldBe(1);
        (await SendAsync("DELETE", "/v1/collections/c/documents/docs%2Fguide.md")).Status.ShouldBe(204);
        (await SendAsync("GET", "/v1/collections/c/documents/docs%2Fguide.md")).Status.ShouldBe(404);
    }

    [Theory]
    [InlineData("[", "application/json", 400, "malformed")]
    [InlineData("x", "application/xml", 415, "content_type")]
    [InlineData("x", "text/plain; charset=latin1", 415, "content_type")]
    [InlineData("  ", "text/plain", 422, "empty_text")]
    public async Task Ingest_BadBody_IsRefused(string body, string type, int status, string code)
    {
        var answer = await SendAsync("POST", "/v1/collections/c/documents", body, type);
        (answer.Status, answer.Body.GetProperty("code").GetString()).ShouldBe((status, code));
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/x-ndjson")]
    [InlineData("text/plain")]
    public async Task Ingest_Compressed_IsRefusedInASentence(string type)
    {
        using var body = new ByteArrayContent([0x1F, 0x8B, 8, 0]);
        body.Headers.ContentType = new(type);
        body.Headers.ContentEncoding.Add("gzip");
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/collections/c/documents", null, body);
        ((int)answer.StatusCode).ShouldBe(415);
        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString()!.ShouldContain("Content-Encoding");
    }

    [Fact]
    public async Task Ingest_AsEvents_TellsProgressAndTheEnd()
    {
        var lines = string.Join('\n', Enumerable.Range(0, 600).Select(i => $$"""{"id":"d{{i}}","text":"text {{i}}"}"""));
        using var body = new StringContent(lines, Encoding.UTF8, "application/x-ndjson");
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/collections/c/documents", null, body, ("Accept", "text/event-stream"));
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        var events = (await answer.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
            .Where(text => text.StartsWith("data: ", StringComparison.Ordinal)).Select(text => JsonSerializer.Deserialize<JsonElement>(text[6..])).ToList();
        events.SkipLast(1).ShouldAllBe(one => one.GetProperty("type").GetString() == "progress");
        (events[^1].GetProperty("type").GetString(), events[^1].GetProperty("documents").GetInt32()).ShouldBe(("done", 600));
        using var refused = await _server.SendAsync(HttpMethod.Post, "/v1/collections/none/documents", null, new StringContent("", Encoding.UTF8, "application/x-ndjson"), ("Accept", "text/event-stream"));
        refused.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Search_ThreeModes_AnswerTheWire()
    {
        await IngestAsync("""[{"id":"a","text":"the river weir","metadata":{"lang":"en"}},{"id":"b","text":"bread and flour"}]""");
        foreach (var mode in (string[])["dense", "sparse", "hybrid"])
        {
            var answer = await SendAsync("POST", "/v1/collections/c/search", $$"""{"query":"river weir","top_k":1,"mode":"{{mode}}","filter":{"lang":"en"} }""");
            var hit = answer.Body.GetProperty("results")[0];
            (hit.GetProperty("document_id").GetString(), hit.GetProperty("chunk_id").GetString(), hit.GetProperty("text").GetString()).ShouldBe(("a", "a#0", "the river weir"));
            hit.GetProperty("scores").TryGetProperty("dense", out _).ShouldBe(mode != "sparse");
            hit.GetProperty("metadata").GetProperty("lang").GetString().ShouldBe("en");
        }

        (await SendAsync("POST", "/v1/collections/c/search", """{"query":"x","mode":"magic"}""")).Status.ShouldBe(400);
        (await SendAsync("POST", "/v1/collections/c/search", "{}")).Status.ShouldBe(400);
        (await SendAsync("POST", "/v1/collections/c/search", """{"query":"x","top_k":0}""")).Status.ShouldBe(422);
        (await SendAsync("POST", "/v1/collections/none/search", """{"query":"x"}""")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task Tenants_SeeTheirOwnAndWhatAllShare()
    {
        var admin = _server.AdminKey;
        var one = await _server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "one" });
        var two = await _server.AddKeyAsync(new KeyRequest { Roles = ["app"], Tenant = "two" });
        (await SendAsync("PUT", "/v1/collections/mine", key: one)).Status.ShouldBe(201);
        (await SendAsync("PUT", "/v1/collections/shared", """{"global":true}""", key: admin)).Status.ShouldBe(201);
        (await SendAsync("GET", "/v1/collections/mine", key: two)).Status.ShouldBe(404);
        (await SendAsync("POST", "/v1/collections/mine/documents", "[]", key: two)).Status.ShouldBe(404);
        (await SendAsync("GET", "/v1/collections/shared", key: two)).Status.ShouldBe(200);
        (await SendAsync("POST", "/v1/collections/shared/documents", "[]", key: two)).Status.ShouldBe(403);
        (await SendAsync("DELETE", "/v1/collections/shared", key: two)).Status.ShouldBe(403);
        (await SendAsync("POST", "/v1/collections/shared/documents", """[{"id":"a","text":"x"}]""", key: admin)).Status.ShouldBe(200);
        (await SendAsync("GET", "/v1/collections", key: two)).Body.GetProperty("data").EnumerateArray().Select(view => view.GetProperty("name").GetString()).ShouldBe(["shared"]);
    }

    [Theory]
    [InlineData("""{"query":"x","mode":"hybird"}""", "mode")]
    [InlineData("""{"query":"x","mode":"dense,sparse"}""", "mode")]
    [InlineData("""{"query":"x","min_score":"NaN"}""", "min_score")]
    [InlineData("""{"query":"x","min_score":1e999}""", "min_score")]
    [InlineData("""{"query":5}""", "query")]
    [InlineData("""{"query":"x","top_k":1.5}""", "top_k")]
    [InlineData("""{"query":"x","top_k":"3"}""", "top_k")]
    [InlineData("""{"query":"x","nope":1}""", "nope")]
    public async Task Search_BadBody_IsRefusedByName(string body, string names)
    {
        var answer = await SendAsync("POST", "/v1/collections/c/search", body);
        (answer.Status, answer.Body.GetProperty("code").GetString()).ShouldBe((400, "malformed"));
        answer.Body.GetProperty("detail").GetString()!.ShouldContain(names);
    }

    [Fact]
    public async Task Put_PartOfChunkOrWeights_LeavesTheRest()
    {
        await SendAsync("PUT", "/v1/collections/c", """{"chunk":{"tokens":100,"overlap":10},"weights":{"dense":0.2,"sparse":0.8}}""");
        var one = (await SendAsync("PUT", "/v1/collections/c", """{"chunk":{"tokens":64},"weights":{"dense":0.4}}""")).Body;
        (one.GetProperty("chunk").GetProperty("tokens").GetInt32(), one.GetProperty("chunk").GetProperty("overlap").GetInt32()).ShouldBe((64, 10));
        (one.GetProperty("weights").GetProperty("dense").GetDouble(), one.GetProperty("weights").GetProperty("sparse").GetDouble()).ShouldBe((0.4, 0.8));
        // An overlap that nobody named gives way; one that was named is refused.
        var two = (await SendAsync("PUT", "/v1/collections/c", """{"chunk":{"tokens":16}}""")).Body;
        two.GetProperty("chunk").GetProperty("overlap").GetInt32().ShouldBe(8);
        (await SendAsync("PUT", "/v1/collections/c", """{"chunk":{"overlap":9}}""")).Status.ShouldBe(422);
    }

    [Fact]
    public async Task Ingest_WhatNoPathCouldName_AndWhatNoAnswerCouldHold_IsLeftOut()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 17)) + "1" + new string('}', 17);
        var answer = await IngestAsync($$"""[{"id":"..","text":"x"},{"id":".","text":"x"},{"id":"a\u0000","text":"x"},{"id":"deep","text":"x","metadata":{{deep}}},{"id":"ok","text":"x","metadata":{{deep[5..^1]}}}]""");
        answer.GetProperty("failed").EnumerateArray().Select(failure => failure.GetProperty("code").GetString()).ShouldBe(["invalid_id", "invalid_id", "invalid_id", "invalid_metadata"]);
        (await SendAsync("POST", "/v1/collections/c/search", """{"query":"x"}""")).Body.GetProperty("results")[0].GetProperty("document_id").GetString().ShouldBe("ok");
        (await SendAsync("GET", "/v1/collections/c/documents/ok")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Ingest_ByteOrderMarkAndQuotedCharset_AreTaken()
    {
        (await IngestAsync("\uFEFF[{\"id\":\"a\",\"text\":\"x\"}]")).GetProperty("documents").GetInt32().ShouldBe(1);
        (await SendAsync("POST", "/v1/collections/c/documents", "plain", "text/plain; charset=\"utf-8\"")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Metrics_TellOfCollections_WithoutTheNamesOfTenants()
    {
        (await SendAsync("PUT", "/v1/collections/shared", """{"global":true}""", key: _server.AdminKey)).Status.ShouldBe(201);
        (await SendAsync("POST", "/v1/collections/shared/documents", """[{"id":"a","text":"x"}]""", key: _server.AdminKey)).Status.ShouldBe(200);
        await IngestAsync("""[{"id":"a","text":"x"},{"id":"b","text":"y"},{"id":"c"}]""");
        foreach (var name in (string[])["c", "shared", "none"])
            await SendAsync("POST", $"/v1/collections/{name}/search", """{"query":"x","mode":"sparse"}""");
        var metrics = await _server.Client.GetStringAsync("/metrics");
        var lines = metrics.Split('\n').Where(line => line.StartsWith("weir_collections_", StringComparison.Ordinal)).ToList();
        lines.ShouldContain("weir_collections_documents{collection=\"_TENANTS\"} 2");
        lines.ShouldContain("weir_collections_documents{collection=\"shared\"} 1");
        lines.ShouldContain("weir_collections_ingest_documents_total{collection=\"_TENANTS\",outcome=\"failed\"} 1");
        lines.ShouldContain("weir_collections_search_duration_seconds_count{collection=\"shared\",mode=\"sparse\",outcome=\"complete\"} 1");
        lines.ShouldContain("weir_collections_search_duration_seconds_count{collection=\"_TENANTS\",mode=\"sparse\",outcome=\"collection_not_found\"} 1");
        lines.ShouldContain(line => line.StartsWith("weir_collections_build_duration_seconds_count{collection=\"shared\"}", StringComparison.Ordinal));
        lines.ShouldAllBe(line => !line.Contains("\"c\"", StringComparison.Ordinal) && !line.Contains("none", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Configured_Collection_StandsInStatusAndReadiness()
    {
        var weir = new WeirOptions { Collections = new Dictionary<string, CollectionOptions> { ["handbook"] = new() } };
        await using var server = await RunningServer.StartAsync(new RunningServer.Options { Weir = weir });
        await Eventually.TrueAsync(() => server.Client.GetFromJsonAsync<JsonElement>("/v1/status").GetAwaiter().GetResult().GetProperty("collections") is { } all
            && all.GetArrayLength() == 1 && all[0].GetProperty("state").GetString() == "ready");
        var ready = await server.Client.GetFromJsonAsync<JsonElement>("/health/ready");
        ready.GetProperty("dependencies").GetProperty("collections").GetProperty("status").GetString().ShouldBe("ok");
    }

    private async Task<JsonElement> IngestAsync(string body)
    {
        var answer = await SendAsync("POST", "/v1/collections/c/documents", body);
        answer.Status.ShouldBe(200);
        return answer.Body;
    }

    private async Task<(int Status, JsonElement Body)> SendAsync(string method, string path, string? body = null, string type = "application/json", string? key = null)
    {
        using var content = body is null ? null : new StringContent(body);
        if (content is not null) content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type);
        using var answer = await _server.SendAsync(new HttpMethod(method), path, key, content);
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text));
    }
}
