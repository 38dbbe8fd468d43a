using System.Net.Http.Json;
using System.Text.Json;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

/// <summary>The configuration makes what is missing; afterwards what is stored wins until <c>weir apply</c>.</summary>
public sealed class ApplyTests : IDisposable
{
    private const string First = """{ "collections": { "handbook": { } }, "catalogs": { "tools": { "load": "tools.json" } } }""";
    private const string Second = """{ "collections": { "handbook": { "chunk": { "tokens": 128 } }, "notes": { } } }""";
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Apply_AfterTheFileHasChanged_OverwritesWhatTheServerHas()
    {
        _scratch.Write("tools.json", """[{"name": "get_weather", "description": "The weather of a place."}]""");
        var config = _scratch.Write("weir.json", First);
        await using var weir = await Server.UpAsync(_scratch, "--config", config);
        string[] flags = ["--config", config, "--url", weir.Url, "--data", Path.Combine(_scratch.Path, "data")];
        await SettledAsync(flags);

        // Saved a moment ago: the server is asked to read it before it applies it.
        _scratch.Write("weir.json", Second);
        var (code, shown) = await WeirAsync(["apply", "--dry-run", .. flags]);
        code.ShouldBe(0, shown);
        shown.ShouldContain("collection handbook: would be overwritten\n  chunk.tokens is 256, configured is 128\n");
        shown.ShouldContain("catalog tools: not in the configuration, left alone\n");
        (await ChunkAsync(weir)).ShouldBe(256);
        (_, var status) = await WeirAsync(["status", .. flags]);
        status.ShouldContain("differs        collection handbook: chunk.tokens is 256, configured is 128\n");

        (code, var done) = await WeirAsync(["apply", .. flags]);
        code.ShouldBe(0, done);
        done.ShouldContain("collection handbook: overwritten\n");
        done.ShouldContain("catalog tools: not in the configuration, left alone\n");
        (await ChunkAsync(weir)).ShouldBe(128);
        (await weir.Client.GetAsync("/v1/catalogs/tools")).EnsureSuccessStatusCode();
        (_, status) = await WeirAsync(["status", .. flags]);
        status.ShouldNotContain("differs");

        // A file with faults is not applied, neither by the command line nor by a server that was told by another.
        _scratch.Write("weir.json", """{ "collections": { "handbook": { "chunk": { "tokens": 1 } } } }""");
        (code, var refused) = await WeirAsync(["apply", .. flags]);
        code.ShouldBe(2, refused);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/apply");
        request.Headers.Authorization = new("Bearer", (await File.ReadAllTextAsync(Path.Combine(_scratch.Path, "data", "admin.key"))).Trim());
        using var answer = await weir.Client.SendAsync(request);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        ((int)answer.StatusCode, problem.GetProperty("code").GetString()).ShouldBe((409, "configuration_refused"));
        (await ChunkAsync(weir)).ShouldBe(128);
    }

    [Fact]
    public async Task Apply_NoServer_FailsAndSaysSo()
    {
        var (code, output) = await WeirAsync(["apply", "--url", "http://127.0.0.1:1"]);
        code.ShouldBe(1, output);
        output.ShouldContain("nothing listens");
    }

    // What the configuration makes is there.
    private async Task SettledAsync(string[] flags)
    {
        for (var attempt = 0; ; attempt++)
        {
            var (_, status) = await WeirAsync(["status", .. flags]);
            if (!status.Contains("differs", StringComparison.Ordinal))
                return;
            attempt.ShouldBeLessThan(50, status);
        }
    }

    private Task<(int Code, string Output)> WeirAsync(string[] arguments) =>
        ChildProcess.RunAsync("dotnet", [Artifacts.WeirDll, .. arguments], _scratch.Path, TimeSpan.FromSeconds(60));

    private static async Task<int> ChunkAsync(Server weir) =>
        (await weir.Client.GetFromJsonAsync<JsonElement>("/v1/collections/handbook")).GetProperty("chunk").GetProperty("tokens").GetInt32();
}
