using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Collections;
using Weir.Server.Configuration;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

public sealed class ApplyEndpointsTests : IAsyncLifetime
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"weir-apply-{Guid.NewGuid():N}.json");
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await File.WriteAllTextAsync(_file, """[{"name": "a", "description": "One."}]""");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        File.Delete(_file);
    }

    [Fact]
    public async Task Apply_NothingConfigured_NamesWhatIsSharedAndChangesNothing()
    {
        await PutAsync("/v1/collections/old", """{"global": true}""");

        var report = await ApplyAsync("""{"dry_run": false}""");

        report.GetProperty("dry_run").GetBoolean().ShouldBeFalse();
        Lines(report).ShouldBe(["collection old unnamed - "]);
    }

    [Fact]
    public async Task Apply_DriftedDocuments_ShowsThenOverwritesAndThenHasNothingToDo()
    {
        await PutAsync("/v1/collections/handbook", """{"global": true, "chunk": {"tokens": 64, "overlap": 8}}""");
        await PutAsync("/v1/catalogs/tools/tools", """{"global": true, "tools": [{"name": "b", "description": "Two."}]}""");
        Configure(new() { ["handbook"] = new() }, new() { ["tools"] = new() { Load = _file } });

        const string Tools = "the tools are others than the file's: 1 are stored, 1 in the file";
        const string Handbook = "chunk.tokens is 64, configured is 256; chunk.overlap is 8, configured is 32";
        string[] drifted = [$"catalog tools differs - {Tools}", $"collection handbook differs - {Handbook}"];
        Lines(await ApplyAsync("""{"dry_run": true}""")).ShouldBe(drifted);
        (await StatusAsync()).ShouldBe(drifted, "a dry run changes nothing");
        Lines(await ApplyAsync(null)).ShouldBe([$"catalog tools differs true {Tools}", $"collection handbook differs true {Handbook}"]);
        Lines(await ApplyAsync(null)).ShouldBe(["catalog tools none - ", "collection handbook none - "]);
        (await StatusAsync()).ShouldBeEmpty();
        (await GetAsync("/v1/collections/handbook")).GetProperty("chunk").GetProperty("tokens").GetInt32().ShouldBe(256);
        // The former tools answer until the index of the new ones is built.
        await Eventually.TrueAsync(async () => (await GetAsync("/v1/catalogs/tools/tools")).GetProperty("data")[0].GetProperty("name").GetString() == "a");
    }

    [Fact]
    public async Task Apply_OneThatCannotBe_SaysWhyAndDoesTheOthers()
    {
        await PutAsync("/v1/collections/handbook", """{"global": true, "chunk": {"tokens": 64, "overlap": 8}}""");
        File.Delete(_file);
        Configure(new() { ["handbook"] = new() }, new() { ["tools"] = new() { Load = _file } });

        var report = await ApplyAsync(null);

        var tools = report.GetProperty("data")[0];
        (tools.GetProperty("name").GetString(), tools.GetProperty("done").GetBoolean()).ShouldBe(("tools", false));
        tools.GetProperty("error").GetString().ShouldBe("its file of tools: there is no such file");
        report.GetProperty("data")[1].GetProperty("done").GetBoolean().ShouldBeTrue();
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("""{"dry": true}""")]
    [InlineData("""{"dry_run": "yes"}""")]
    public async Task Apply_BodyItDoesNotKnow_IsRefusedAndNothingIsDone(string body)
    {
        await PutAsync("/v1/collections/handbook", """{"global": true, "chunk": {"tokens": 64, "overlap": 8}}""");
        Configure(new() { ["handbook"] = new() }, []);

        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/apply", _server.AdminKey, content);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await GetAsync("/v1/collections/handbook")).GetProperty("chunk").GetProperty("tokens").GetInt32().ShouldBe(64);
    }

    [Fact]
    public async Task Status_CollectionOfATenant_IsNotTold()
    {
        using (var made = await _server.SendAsync(HttpMethod.Put, "/v1/collections/handbook", null, new StringContent("""{"chunk": {"tokens": 64, "overlap": 8}}""", Encoding.UTF8, "application/json")))
            made.StatusCode.ShouldBe(HttpStatusCode.Created);
        (await StatusAsync()).ShouldBeEmpty();
        Lines(await ApplyAsync(null)).ShouldBeEmpty();
    }

    private void Configure(Dictionary<string, CollectionOptions> collections, Dictionary<string, CatalogOptions> catalogs)
    {
        var live = _server.Service<LiveConfiguration>();
        live.Swap(live.Current with { Collections = collections, Catalogs = catalogs }).ShouldBeEmpty();
    }

    private async Task PutAsync(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _server.SendAsync(HttpMethod.Put, path, _server.AdminKey, content);
        answer.IsSuccessStatusCode.ShouldBeTrue(await answer.Content.ReadAsStringAsync());
    }

    private async Task<JsonElement> ApplyAsync(string? body)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _server.SendAsync(HttpMethod.Post, "/v1/apply", _server.AdminKey, content);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await _server.SendAsync(HttpMethod.Get, path, _server.AdminKey);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task<string[]> StatusAsync() => Lines(await GetAsync("/v1/status"), "differences");

    private static string[] Lines(JsonElement report, string list = "data") => [.. report.GetProperty(list).EnumerateArray().Select(document => string.Join(' ',
        document.GetProperty("kind").GetString(), document.GetProperty("name").GetString(), document.GetProperty("drift").GetString(),
        document.TryGetProperty("done", out var done) ? done.GetRawText() : "-",
        string.Join("; ", document.GetProperty("differences").EnumerateArray().Select(difference => difference.GetString()))))];
}
