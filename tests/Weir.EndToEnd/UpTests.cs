using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

public sealed class UpTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Up_WithoutConfiguration_ServesTheSimulatedProviderAndSaysSo()
    {
        await using var weir = await Server.UpAsync(_scratch);

        var models = await weir.Client.GetFromJsonAsync<JsonObject>("/v1/models");
        using var answer = await weir.ChatAsync("sim/sim-small", "What is a weir?");

        models!["data"]!.AsArray().Select(model => (string)model!["id"]!).ShouldContain("sim/sim-small");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await answer.Content.ReadAsStringAsync()).ShouldContain($"Simulated answer {PromptFile.Fingerprint("What is a weir?")}");
        weir.Process.Output.ShouldContain(weir.Url);
        weir.Process.Output.ShouldContain("sim");
    }

    [Fact]
    public async Task Up_ExamplesWithCurl_AllWork()
    {
        var lines = CurlBlocks(File.ReadAllText(Artifacts.Example("curl.md"))).Concat(CurlBlocks(File.ReadAllText(Path.Combine(Artifacts.Root, "README.md")))).ToArray();
        lines.Length.ShouldBeGreaterThan(5);
        await using var weir = await Server.UpAsync(_scratch);
        // They are run beside the data folder, and some of them read the repository's own documents.
        Directory.CreateSymbolicLink(Path.Combine(_scratch.Path, "docs"), Path.Combine(Artifacts.Root, "docs"));

        foreach (var line in lines)
        {
            var command = line.Replace("http://127.0.0.1:7800", weir.Url, StringComparison.Ordinal).Replace("curl ", "curl --fail ", StringComparison.Ordinal);
            var (code, output) = await ChildProcess.RunAsync("bash", ["-euo", "pipefail", "-c", command], _scratch.Path, Soon);
            code.ShouldBe(0, $"{line}\n{output}");
            output.ShouldNotBeEmpty(line);
        }

        static IEnumerable<string> CurlBlocks(string markdown) => markdown
            .Split("```sh\n").Skip(1).Select(block => block[..block.IndexOf("```", StringComparison.Ordinal)].Trim())
            .Where(block => block.StartsWith("curl ", StringComparison.Ordinal) && block.Contains("127.0.0.1:7800", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Sigterm_WithAStreamInFlight_DrainsItThenEndsCleanly()
    {
        await using var sim = await Server.SimAsync(_scratch, "--tokens-per-second", "20", "--answer-tokens", "60");
        await using var weir = await Server.UpAsync(_scratch, "--config", OneProvider(sim));
        using var response = await weir.ChatAsync("slow", "Tell me slowly", stream: true);
        using var stream = new StreamReader(await response.Content.ReadAsStreamAsync());
        var received = new List<string?> { await stream.ReadLineAsync() };

        weir.Process.Signal();
        while (await stream.ReadLineAsync().WaitAsync(Soon) is { } line)
            received.Add(line);

        received.Count(line => line?.Contains("\"content\":", StringComparison.Ordinal) == true).ShouldBe(61, "the role's chunk and 60 tokens");
        received.ShouldContain("data: [DONE]");
        (await weir.Process.ExitAsync(Soon)).ShouldBe(0, weir.Process.Output);
    }

    [Fact]
    public async Task Sigterm_WhileTheSimulatedProviderInsideStreams_DrainsItToo()
    {
        await using var weir = await Server.UpAsync(_scratch);
        using var answer = await weir.ChatAsync("sim/sim-small", "hello", stream: true);

        weir.Process.Signal();

        (await answer.Content.ReadAsStringAsync().WaitAsync(Soon)).ShouldContain("data: [DONE]");
        (await weir.Process.ExitAsync(Soon)).ShouldBe(0, weir.Process.Output);
    }

    [Fact]
    public async Task ClientThatVanishes_MidStream_CancelsTheProvidersRequest()
    {
        await using var sim = await Server.SimAsync(_scratch, "--tokens-per-second", "20", "--answer-tokens", "100000");
        await using var weir = await Server.UpAsync(_scratch, "--config", OneProvider(sim));

        using (var response = await weir.ChatAsync("slow", "never ends", stream: true))
        {
            await using var body = await response.Content.ReadAsStreamAsync();
            (await body.ReadAsync(new byte[64])).ShouldBeGreaterThan(0);
            ((int)(await sim.StatsAsync())["in_flight"]!).ShouldBe(1);
        }

        await sim.SettledAsync("cancelled", 1);
    }

    [Fact]
    public async Task ClientThatVanishes_BeforeTheFirstByte_CancelsTheProvidersRequest()
    {
        await using var sim = await Server.SimAsync(_scratch, "--hang-rate", "1");
        await using var weir = await Server.UpAsync(_scratch, "--config", OneProvider(sim));
        using var leave = new CancellationTokenSource();

        var asked = weir.ChatAsync("slow", "no answer comes", cancellationToken: leave.Token);
        // In flight it is as soon as its head has come; hanging once it has been read.
        while ((int)(await sim.StatsAsync())["prompts"]!["distinct"]! == 0)
            await Task.Delay(20);
        await leave.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => asked);
        await sim.SettledAsync("hang", 1);
    }

    private string OneProvider(Server sim) => _scratch.Write("weir.json", $$"""
        {
          "providers": { "box": { "dialect": "openai", "base_url": "{{sim.BaseUrl}}" } },
          "routes": { "slow": { "deployments": [ { "provider": "box", "model": "sim-small" } ] } }
        }
        """);
}
