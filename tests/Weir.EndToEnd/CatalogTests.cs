using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Weir.EndToEnd.Support;
using Weir.Tests.Support;

namespace Weir.EndToEnd;

/// <summary>A public MCP server becomes a catalog, and the right tool is found.</summary>
public sealed class CatalogTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task McpServer_OfTheConfiguration_IsSearchedKeptAndEndsWithWeir()
    {
        var script = await McpServers.EverythingAsync();
        var config = _scratch.Write("weir.json", JsonSerializer.Serialize(new { catalogs = new { tools = new { mcp = new[] { new { name = "everything", command = "node", args = new[] { script } } } } } }));
        long version;
        await using (var weir = await Server.UpAsync(_scratch, "--config", config))
        {
            var catalog = await SourceAsync(weir, "tools", null);
            catalog.GetProperty("tools").GetInt32().ShouldBeGreaterThan(5);
            version = catalog.GetProperty("version").GetInt64();
            await FindsAsync(weir, "tools", null);

            weir.Process.Signal(ChildProcess.SignalKill);
            await weir.Process.ExitAsync(TimeSpan.FromSeconds(30));
        }

        // Its standard input has ended with Weir, however Weir ended.
        await Eventually.TrueAsync(() => !Process.GetProcessesByName("node").Any(process => Runs(process.Id, script)));
        await using var again = await Server.UpAsync(_scratch, "--config", config);
        await FindsAsync(again, "tools", null);
        (await SourceAsync(again, "tools", null)).GetProperty("version").GetInt64().ShouldBe(version, "the same tools are no new version");
    }

    [Fact]
    public async Task McpServer_PutByAnAdmin_IsSearchedAndACommandTakesAnAdmin()
    {
        var script = await McpServers.EverythingAsync();
        await using var weir = await Server.UpAsync(_scratch);
        var body = new { mcp = new { command = "node", args = new[] { script }, env = new { SECRET_OF_TEST = "hunter22" } } };
        using (var refused = await weir.Client.PutAsJsonAsync("/v1/catalogs/mine/tools", body))
            refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden, await refused.Content.ReadAsStringAsync());

        var admin = (await File.ReadAllTextAsync(Path.Combine(_scratch.Path, "data", "admin.key"))).Trim();
        using var request = new HttpRequestMessage(HttpMethod.Put, "/v1/catalogs/mine/tools") { Content = JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", admin);
        using var made = await weir.Client.SendAsync(request);
        made.StatusCode.ShouldBe(HttpStatusCode.OK, await made.Content.ReadAsStringAsync());
        (await SourceAsync(weir, "mine", admin)).GetRawText().ShouldNotContain("hunter22");
        await FindsAsync(weir, "mine", admin);
        weir.Process.Output.ShouldNotContain("hunter22");
    }

    [Fact]
    public async Task McpServer_OverHttp_IsFollowedAndComesBack()
    {
        var script = await McpServers.EverythingAsync();
        var port = FreePort.Next();
        var config = _scratch.Write("weir.json", JsonSerializer.Serialize(new { catalogs = new { tools = new { mcp = new[] { new { url = $"http://127.0.0.1:{port}/mcp" } } } } }));
        await using var weir = await Server.UpAsync(_scratch, "--config", config);
        using (Listen(script, port))
        {
            (await SourceAsync(weir, "tools", null)).GetProperty("tools").GetInt32().ShouldBeGreaterThan(5);
            await FindsAsync(weir, "tools", null);
        }

        await SourceAsync(weir, "tools", null, "failed");
        await FindsAsync(weir, "tools", null);
        using var again = Listen(script, port);
        await SourceAsync(weir, "tools", null);
        await FindsAsync(weir, "tools", null);
    }

    private static Listener Listen(string script, int port)
    {
        var start = new ProcessStartInfo("node", [script, "streamableHttp"]) { UseShellExecute = false };
        start.Environment["PORT"] = port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new Listener(Process.Start(start)!);
    }

    /// <summary>A program that is gone when this is.</summary>
    private sealed class Listener(Process process) : IDisposable
    {
        public void Dispose()
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }
    }

    private static async Task<JsonElement> SourceAsync(Server weir, string name, string? key, string state = "connected")
    {
        for (var attempt = 0; ; attempt++)
        {
            var catalog = await SendAsync(weir, HttpMethod.Get, $"/v1/catalogs/{name}", key, null);
            if (catalog.TryGetProperty("sources", out var sources) && sources[0].GetProperty("state").GetString() == state && catalog.GetProperty("state").GetString() == "ready")
                return catalog;
            attempt.ShouldBeLessThan(1200, catalog.GetRawText());
            await Task.Delay(50);
        }
    }

    private static async Task FindsAsync(Server weir, string name, string? key)
    {
        var found = await SendAsync(weir, HttpMethod.Post, $"/v1/catalogs/{name}/search", key, new { query = "add two numbers and give me the sum", top_k = 3 });
        var first = found.GetProperty("results")[0];
        first.GetProperty("name").GetString().ShouldBe("get-sum", found.GetRawText());
        first.GetProperty("protocol").GetString().ShouldBe("mcp");
        first.GetProperty("reason").GetString()!.ShouldContain("sum");
        (await SendAsync(weir, HttpMethod.Get, $"/v1/catalogs/{name}/tools/get-sum", key, null)).GetProperty("parameters").GetProperty("type").GetString().ShouldBe("object");
    }

    private static async Task<JsonElement> SendAsync(Server weir, HttpMethod method, string path, string? key, object? body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await weir.Client.SendAsync(request);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static bool Runs(int process, string script)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline").Contains(script, StringComparison.Ordinal);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
