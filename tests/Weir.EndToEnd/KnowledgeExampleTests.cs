using System.Net.Http.Json;
using System.Text.Json;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

/// <summary>What examples/knowledge promises, with its own files and commands; the MCP server comes from the packages of these tests instead of npx.</summary>
public sealed class KnowledgeExampleTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Example_SearchedAndShared_ShowsWhatItsReadmeSays()
    {
        await using var weir = await UpAsync();
        await LoadedAsync(weir);

        foreach (var mode in (string[])["dense", "sparse", "hybrid"])
            (await FirstAsync(weir, "collections/docs", new { query = "what survives a SIGKILL", mode, top_k = 3 }, "document_id")).ShouldEndWith("batches.md", Case.Sensitive, mode);
        var filter = new Dictionary<string, object> { ["kind"] = "incident", ["year"] = new Dictionary<string, int> { ["$gte"] = 2025 } };
        (await FirstAsync(weir, "collections/notes", new { query = "the disk filled up", filter, top_k = 3 }, "document_id")).ShouldBe("2025-11-disk");
        (await FirstAsync(weir, "catalogs/tools", new { query = "which environment variables are set", top_k = 2 }, "name")).ShouldBe("get-env");

        (await WorkersAsync(weir)).ShouldContain("Weir computed 30");
        (await WorkersAsync(weir)).ShouldContain("Weir computed 0 of them");
    }

    private async Task<Server> UpAsync()
    {
        var script = await McpServers.EverythingAsync();
        var config = (await File.ReadAllTextAsync(Artifacts.Example("knowledge", "weir.json")))
            .Replace("\"npx\", \"args\": [\"-y\", \"@modelcontextprotocol/server-everything\"]", $"\"node\", \"args\": [{JsonSerializer.Serialize(script)}]", StringComparison.Ordinal)
            .Replace("./docs", $"{Artifacts.Root}/docs", StringComparison.Ordinal)
            .Replace("./examples", $"{Artifacts.Root}/examples", StringComparison.Ordinal);
        config.ShouldNotContain("npx\"");
        return await Server.UpAsync(_scratch, "--config", _scratch.Write("weir.json", config));
    }

    private static async Task LoadedAsync(Server weir)
    {
        for (var attempt = 0; ; attempt++)
        {
            var status = await weir.Client.GetFromJsonAsync<JsonElement>("/v1/status");
            var tools = await weir.Client.GetAsync("/v1/catalogs/tools");
            if (status.GetProperty("collections").EnumerateArray().ToList() is [_, _] collections
                && collections.All(collection => collection.TryGetProperty("files", out var files) && files.GetInt32() > 0 && collection.GetProperty("state").GetString() == "ready")
                && tools.IsSuccessStatusCode && (await tools.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("tools").GetInt32() > 0)
            {
                return;
            }

            attempt.ShouldBeLessThan(600, status.GetRawText());
            await Task.Delay(100);
        }
    }

    private static async Task<string?> FirstAsync(Server weir, string place, object body, string name)
    {
        using var answer = await weir.Client.PostAsJsonAsync($"/v1/{place}/search", body);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("results")[0].GetProperty(name).GetString();
    }

    private async Task<string> WorkersAsync(Server weir)
    {
        var (code, output) = await ChildProcess.RunAsync("python3", ["-B", Artifacts.Example("knowledge", "workers.py"), "--url", weir.Url], _scratch.Path, TimeSpan.FromMinutes(2));
        code.ShouldBe(0, output);
        return output;
    }
}
