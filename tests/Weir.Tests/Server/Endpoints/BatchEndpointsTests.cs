using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.Tests.Inference.Batches.Support;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Files and batches over HTTP, as keys of several tenants.</summary>
public sealed class BatchEndpointsTests : IAsyncLifetime
{
    private readonly ScriptedUpstream _upstream = new();
    private RunningServer _server = null!;
    private string _key = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(new RunningServer.Options
        {
            Sockets = true,
            Weir = new WeirOptions
            {
                Server = new ServerOptions { MaxBody = new ByteSize(64 * 1024) },
                Providers = new Dictionary<string, ProviderOptions> { ["a"] = new() { BaseUrl = _upstream.BaseUrl } },
                Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new DeploymentOptions { Provider = "a", Model = "m" }] } },
            },
        });
        _key = await _server.AddKeyAsync("app");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Batch_FromUploadToResults_IsOpenAIsShape()
    {
        using var upload = Form(BatchHarness.Lines(5), fileFirst: true);
        var file = await JsonAsync(HttpMethod.Post, "/v1/files", upload);
        file.GetProperty("id").GetString()!.ShouldStartWith("file-");
        (file.GetProperty("object").GetString(), file.GetProperty("purpose").GetString(), file.GetProperty("status").GetString(), file.GetProperty("filename").GetString())
            .ShouldBe(("file", "batch", "processed", "in put.jsonl"));
        file.GetProperty("bytes").GetInt64().ShouldBe(BatchHarness.Lines(5).Length);

        var batch = await JsonAsync(HttpMethod.Post, "/v1/batches", JsonContent.Create(new
        {
            input_file_id = file.GetProperty("id").GetString(), endpoint = "/v1/chat/completions", completion_window = "24h", metadata = new { a = "b" }, later = 1,
        }));
        batch.GetProperty("object").GetString().ShouldBe("batch");
        batch.GetProperty("errors").ValueKind.ShouldBe(JsonValueKind.Null);
        (batch.GetProperty("expires_at").GetInt64() - batch.GetProperty("created_at").GetInt64()).ShouldBe(24 * 3600);
        var id = batch.GetProperty("id").GetString();

        batch = await EndedAsync(id!);
        batch.GetProperty("status").GetString().ShouldBe("completed");
        batch.GetProperty("request_counts").GetProperty("completed").GetInt32().ShouldBe(5);
        batch.GetProperty("usage").GetProperty("total_tokens").GetInt64().ShouldBe(40);
        batch.GetProperty("metadata").GetProperty("a").GetString().ShouldBe("b");
        var output = batch.GetProperty("output_file_id").GetString();
        using var content = await _server.SendAsync(HttpMethod.Get, $"/v1/files/{output}/content", _key);
        (await content.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(5);
        (await JsonAsync(HttpMethod.Get, "/v1/batches")).GetProperty("data")[0].GetProperty("id").GetString().ShouldBe(id);
        var listed = await JsonAsync(HttpMethod.Get, "/v1/files?limit=1");
        (listed.GetProperty("has_more").GetBoolean(), listed.GetProperty("last_id").GetString()).ShouldBe((true, output));
        (await JsonAsync(HttpMethod.Get, $"/v1/files?limit=1&after={output}")).GetProperty("last_id").GetString().ShouldBe(file.GetProperty("id").GetString());
        (await JsonAsync(HttpMethod.Get, "/v1/files?purpose=batch_output&order=asc")).GetProperty("data").GetArrayLength().ShouldBe(1);
        (await JsonAsync(HttpMethod.Delete, $"/v1/files/{output}")).GetProperty("deleted").GetBoolean().ShouldBeTrue();
        await ShouldBeAsync(404, HttpMethod.Get, $"/v1/files/{output}");
        await ShouldBeAsync(409, HttpMethod.Post, $"/v1/batches/{id}/cancel");
        _upstream.Requests.ShouldAllBe(request => request.Body.Contains("\"m\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FilesAndBatches_OfAnotherTenant_AreNotThere()
    {
        using var upload = Form(BatchHarness.Line(1));
        var file = (await JsonAsync(HttpMethod.Post, "/v1/files", upload)).GetProperty("id").GetString();
        var batch = (await JsonAsync(HttpMethod.Post, "/v1/batches", Wanted(file!))).GetProperty("id").GetString();
        var other = await _server.AddKeyAsync("app");

        foreach (var (method, path) in new[]
        {
            (HttpMethod.Get, $"/v1/files/{file}"), (HttpMethod.Get, $"/v1/files/{file}/content"), (HttpMethod.Delete, $"/v1/files/{file}"),
            (HttpMethod.Get, $"/v1/batches/{batch}"), (HttpMethod.Post, $"/v1/batches/{batch}/cancel"),
        })
        {
            await ShouldBeAsync(404, method, path, key: other);
        }

        await ShouldBeAsync(404, HttpMethod.Post, "/v1/batches", Wanted(file!), other);
        (await JsonAsync(HttpMethod.Get, "/v1/files", key: other)).GetProperty("data").GetArrayLength().ShouldBe(0);
        (await JsonAsync(HttpMethod.Get, "/v1/batches", key: other)).GetProperty("data").GetArrayLength().ShouldBe(0);
        await EndedAsync(batch!);
    }

    [Fact]
    public async Task Upload_LargerThanOtherBodiesMayBe_IsTaken()
    {
        using var upload = Form(new string('x', 3_000_000));

        (await JsonAsync(HttpMethod.Post, "/v1/files", upload)).GetProperty("bytes").GetInt64().ShouldBe(3_000_000);
    }

    [Fact]
    public async Task Upload_WithALifetime_SaysWhenItEnds()
    {
        using var upload = Form("x");
        upload.Add(new StringContent("created_at"), "expires_after[anchor]");
        upload.Add(new StringContent("3600"), "expires_after[seconds]");

        var file = await JsonAsync(HttpMethod.Post, "/v1/files", upload);

        (file.GetProperty("expires_at").GetInt64() - file.GetProperty("created_at").GetInt64()).ShouldBe(3600);
    }

    [Fact]
    public async Task Upload_Wrong_Is400AndNothingIsKept()
    {
        await ShouldBeAsync(415, HttpMethod.Post, "/v1/files", new StringContent("{}", Encoding.UTF8, "application/json"));
        await ShouldBeAsync(400, HttpMethod.Post, "/v1/files", new MultipartFormDataContent { { new StringContent("batch"), "purpose" } });
        await ShouldBeAsync(400, HttpMethod.Post, "/v1/files", Form(""));
        await ShouldBeAsync(400, HttpMethod.Post, "/v1/files", new MultipartFormDataContent { { new ByteArrayContent("x"u8.ToArray()), "file", "a" } });
        var late = Form("x");
        late.Add(new StringContent("59"), "expires_after[seconds]");
        await ShouldBeAsync(400, HttpMethod.Post, "/v1/files", late);
        var twice = Form("x");
        twice.Add(new ByteArrayContent("y"u8.ToArray()), "file", "b");
        await ShouldBeAsync(400, HttpMethod.Post, "/v1/files", twice);
        var cut = new ByteArrayContent("--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc"u8.ToArray());
        cut.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=b");
        await ShouldBeAsync(400, HttpMethod.Post, "/v1/files", cut);

        (await JsonAsync(HttpMethod.Get, "/v1/files")).GetProperty("data").GetArrayLength().ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"endpoint":"/v1/chat/completions","completion_window":"24h"}""", "input_file_id")]
    [InlineData("""{"input_file_id":"file-x","completion_window":"24h"}""", "endpoint")]
    [InlineData("""{"input_file_id":"file-x","endpoint":"/v1/chat/completions","completion_window":"soon"}""", "completion_window")]
    [InlineData("""{"input_file_id":"file-x","endpoint":"/v1/chat/completions"}""", "completion_window")]
    [InlineData("""{"input_file_id":"file-x","endpoint":"/v1/x","completion_window":"24h"}""", "endpoint")]
    [InlineData("""{"input_file_id":"file-x","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"a":null}}""", "metadata")]
    public async Task Create_Wrong_NamesTheField(string body, string field)
    {
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/batches", _key, new StringContent(body, Encoding.UTF8, "application/json"));

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetProperty("param").GetString().ShouldBe(field);
    }

    [Theory]
    [InlineData("/v1/files?limit=0")]
    [InlineData("/v1/files?order=up")]
    [InlineData("/v1/files?after=../x")]
    [InlineData("/v1/batches?limit=101")]
    public Task List_WrongPage_Is400(string path) => ShouldBeAsync(400, HttpMethod.Get, path);

    [Fact]
    public async Task Batch_UsageAndRights_AreItsKeys()
    {
        var (record, secret) = await _server.AddKeyRecordAsync(new KeyRequest { Roles = ["app"], Routes = ["fast"] });
        using var upload = Form($"{BatchHarness.Line(1)}\n{BatchHarness.Line(2, "a/other")}");
        var file = (await JsonAsync(HttpMethod.Post, "/v1/files", upload, secret)).GetProperty("id").GetString();
        var id = (await JsonAsync(HttpMethod.Post, "/v1/batches", Wanted(file!), secret)).GetProperty("id").GetString();

        var batch = await EndedAsync(id!, secret);

        batch.GetProperty("request_counts").GetProperty("failed").GetInt32().ShouldBe(1);
        _server.Service<KeyStates>().Of(record.Id).WithUsage(usage => usage.HasPending).ShouldBeTrue();
    }

    private static MultipartFormDataContent Form(string content, bool fileFirst = false)
    {
        var form = new MultipartFormDataContent();
        if (!fileFirst) form.Add(new StringContent("batch"), "purpose");
        form.Add(new ByteArrayContent(Encoding.UTF8.GetBytes(content)), "file", "in put.jsonl");
        if (fileFirst) form.Add(new StringContent("batch"), "purpose");
        return form;
    }

    private static JsonContent Wanted(string file) => JsonContent.Create(new { input_file_id = file, endpoint = "/v1/chat/completions", completion_window = "24h" });

    private async Task<JsonElement> EndedAsync(string id, string? key = null)
    {
        for (var look = 0; ; look++)
        {
            var batch = await JsonAsync(HttpMethod.Get, $"/v1/batches/{id}", key: key);
            if (batch.GetProperty("status").GetString() is "completed" or "failed" or "expired" or "cancelled") return batch;
            look.ShouldBeLessThan(3000, batch.ToString());
            await Task.Delay(10);
        }
    }

    private async Task<JsonElement> JsonAsync(HttpMethod method, string path, HttpContent? body = null, string? key = null)
    {
        using var answer = await _server.SendAsync(method, path, key ?? _key, body);
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private async Task ShouldBeAsync(int status, HttpMethod method, string path, HttpContent? body = null, string? key = null)
    {
        using var answer = await _server.SendAsync(method, path, key ?? _key, body);
        var text = await answer.Content.ReadAsStringAsync();
        ((int)answer.StatusCode).ShouldBe(status, text);
        JsonDocument.Parse(text).RootElement.GetProperty("error").GetProperty("message").GetString().ShouldNotBeNullOrEmpty();
    }
}
