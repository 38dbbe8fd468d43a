using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

/// <summary>What examples/agents gives out, with its own file: the commands of the documents, and the paths of clients that were written for AgentFlow. Desktops are real.</summary>
public sealed class AgentsExampleTests : IAsyncLifetime
{
    private static readonly byte[] Png = [0x89, (byte)'P', (byte)'N', (byte)'G'];

    private readonly Scratch _scratch = new();
    private Server _weir = null!;

    public async ValueTask InitializeAsync()
    {
        // Its file reads the documents of the folder that it is started in.
        Directory.CreateSymbolicLink(Path.Combine(_scratch.Path, "docs"), Path.Combine(Artifacts.Root, "docs"));
        _weir = await Server.UpAsync(_scratch, "--config", Artifacts.Example("agents", "weir.json"));
        if ((await _weir.KindAsync("vm")).TryGetProperty("unable", out var why))
            Assert.Skip($"No desktop can be made here: {why}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_weir is not null)
        {
            // Not killed: desktops that nobody holds end with it.
            _weir.Process.Signal();
            await _weir.Process.ExitAsync(TimeSpan.FromSeconds(60));
            await _weir.DisposeAsync();
        }

        _scratch.Dispose();
    }

    [Fact]
    public async Task Documents_RoundOfKnowledgeAndDesktopByCurl_Works()
    {
        var rounds = new[] { "README.md", "docs/leases.md" }.SelectMany(page => BlocksOf(Path.Combine(Artifacts.Root, page))).ToList();
        rounds.ShouldNotBeEmpty();
        foreach (var round in rounds)
        {
            var command = round.Replace("http://127.0.0.1:7800", _weir.Url, StringComparison.Ordinal).Replace("curl -s ", "curl -sSf ", StringComparison.Ordinal);
            var (code, output) = await ChildProcess.RunAsync("bash", ["-euo", "pipefail", "-c", command], _scratch.Path, TimeSpan.FromSeconds(60));
            code.ShouldBe(0, output);
            output.ShouldContain("SIGKILL");
            (await File.ReadAllBytesAsync(Path.Combine(_scratch.Path, "screen.png"))).ShouldSatisfyAllConditions(
                picture => picture.Take(Png.Length).ShouldBe(Png),
                picture => picture.Length.ShouldBeGreaterThan(5_000));
            File.Delete(Path.Combine(_scratch.Path, "screen.png"));
        }

        await _weir.AllFreeAsync();

        static IEnumerable<string> BlocksOf(string page) => File.ReadAllText(page)
            .Split("```sh\n").Skip(1).Select(block => block[..block.IndexOf("```", StringComparison.Ordinal)]).Where(block => block.Contains("lease.json", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AgentFlow_PathsOfOldClients_AllocateUseAndGiveBack()
    {
        var both = await AskAsync("/allocate", new { worker_id = "old", resource_types = new[] { "rag", "vm_pyautogui" }, timeout = 60.0 });
        both.EnumerateObject().Select(entry => entry.Name).ShouldBe(["rag", "vm_pyautogui"]);
        var (rag, desktop) = (both.GetProperty("rag"), both.GetProperty("vm_pyautogui"));
        desktop.GetProperty("type").GetString().ShouldBe("vm_pyautogui");
        var one = await AskAsync("/allocate", new { worker_id = "old", type = "rag" });
        one.GetProperty("id").GetString().ShouldNotBe(rag.GetProperty("id").GetString());

        // One worker may hold two sessions: the wait for a third is a failure and no success.
        await AskAsync("/allocate", new { worker_id = "old", type = "rag", timeout = 0.2 }, HttpStatusCode.ServiceUnavailable);
        using (var picture = await DoorAsync(desktop, "/screenshot"))
            (await picture.Content.ReadAsByteArrayAsync()).Take(Png.Length).ShouldBe(Png);

        await AskAsync("/release", new { worker_id = "another", resource_id = IdOf(rag) }, HttpStatusCode.Forbidden);
        await AskAsync("/release", new { worker_id = "old", resource_id = "rag.999" }, HttpStatusCode.NotFound);
        foreach (var held in new[] { rag, desktop, one })
            (await AskAsync("/release", new { worker_id = "old", resource_id = IdOf(held) })).GetProperty("status").GetString().ShouldBe("releasing");
        using (var late = await DoorAsync(desktop, "/screenshot"))
            late.StatusCode.ShouldBe(HttpStatusCode.Gone);

        await _weir.AllFreeAsync();
        var status = await _weir.Client.GetFromJsonAsync<JsonElement>("/status");
        status.GetProperty("rag").GetProperty("total").GetInt32().ShouldBe(50);
        status.GetProperty("vm").GetProperty("occupied").GetInt32().ShouldBe(0);
    }

    private static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    private async Task<HttpResponseMessage> DoorAsync(JsonElement resource, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, resource.GetProperty("base_url").GetString() + path);
        request.Headers.Add("x-weir-token", resource.GetProperty("token").GetString());
        return await _weir.Client.SendAsync(request);
    }

    private async Task<JsonElement> AskAsync(string path, object body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var answer = await _weir.Client.PostAsJsonAsync(path, body);
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
