using System.ClientModel;
using System.ClientModel.Primitives;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

/// <summary>
/// A thousand prompts, 32 at once, by the official clients with their own retries off, through a route of two deployments of
/// which one fails 20 %, resets 5 % and hangs on 2 %: every prompt answered exactly once, whole, and by the answer to itself.
/// </summary>
public sealed class ThousandPromptsTests
{
    private const int AtOnce = 32;
    private const string Config = """
        {
          "providers": {
            "steady": { "dialect": "openai", "base_url": "STEADY/v1" },
            "shaky": { "dialect": "openai", "base_url": "SHAKY/v1", "timeouts": { "first_byte": "2s" }, "breaker": { "minimum_requests": MINIMUM } }
          },
          "routes": { "thousand": { "deployments": [ { "provider": "steady", "model": "sim-small" }, { "provider": "shaky", "model": "sim-small" } ] } }
        }
        """;

    /// <summary>So many requests that the breaker never opens: the route keeps meeting every fault instead of going round them.</summary>
    private const int NeverOpens = 100_000;

    /// <summary>The default: whether and when the breaker opens is left to the run.</summary>
    private const int MayOpen = 10;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DotnetSdk_ThroughAShakyProvider_SeesNoError(bool stream)
    {
        await using var weir = await Fleet.StartAsync(stream ? 11 : 12, NeverOpens);
        var client = new ChatClient("thousand", new ApiKeyCredential("any"), new OpenAIClientOptions
        {
            Endpoint = new Uri(weir.Gateway.BaseUrl),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = TimeSpan.FromSeconds(100),
        });
        var answers = new ConcurrentDictionary<string, string>();

        await Parallel.ForEachAsync(PromptFile.Read(), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (prompt, stop) =>
        {
            var text = stream ? await StreamAsync(client, prompt.Text, stop) : await WholeAsync(client, prompt.Text, stop);
            answers.TryAdd(prompt.Id, text).ShouldBeTrue(prompt.Id);
        });

        ShouldAnswerEach(answers);
        await weir.ShouldHaveMetAsync("error", "reset", "hang");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NpmPackage_ThroughAShakyProvider_SeesNoError(bool stream)
    {
        var script = await NodeExample.InstallAsync();
        await using var weir = await Fleet.StartAsync(stream ? 13 : 14, MayOpen);
        var results = Path.Combine(weir.Scratch.Path, "results.jsonl");

        var (code, output) = await ChildProcess.RunAsync(
            "node",
            [script, "--url", weir.Gateway.BaseUrl, "--at-once", $"{AtOnce}", "--out", results, .. stream ? ["--stream"] : Array.Empty<string>(), PromptFile.Path],
            weir.Scratch.Path,
            TimeSpan.FromSeconds(120));

        output.ShouldContain("1000 answered and matched, 0 answered wrongly, 0 failed");
        code.ShouldBe(0, output);
        ShouldAnswerEach(File.ReadLines(results).Select(line => JsonDocument.Parse(line).RootElement).Select(result =>
            KeyValuePair.Create(result.GetProperty("id").GetString()!, result.GetProperty("text").GetString()!)));
        await weir.ShouldHaveMetAsync("error");
    }

    private static void ShouldAnswerEach(IEnumerable<KeyValuePair<string, string>> answers)
    {
        var list = answers.ToList();
        list.Select(answer => answer.Key).Distinct().Count().ShouldBe(list.Count, "a prompt was answered twice");
        var byId = list.ToDictionary();
        var prompts = PromptFile.Read();
        prompts.Count.ShouldBe(1000);
        prompts.Where(prompt => !byId.TryGetValue(prompt.Id, out var text) || !PromptFile.Answers(text, prompt.Text))
            .Select(prompt => $"{prompt.Id}: {byId.GetValueOrDefault(prompt.Id, "no answer")}")
            .ShouldBeEmpty();
    }

    private static async Task<string> WholeAsync(ChatClient client, string prompt, CancellationToken stop)
    {
        ChatCompletion answer = await client.CompleteChatAsync([new UserChatMessage(prompt)], cancellationToken: stop);
        answer.FinishReason.ShouldBe(ChatFinishReason.Stop);
        return answer.Content.Single().Text;
    }

    private static async Task<string> StreamAsync(ChatClient client, string prompt, CancellationToken stop)
    {
        var text = new StringBuilder();
        ChatFinishReason? finish = null;
        await foreach (var update in client.CompleteChatStreamingAsync([new UserChatMessage(prompt)], cancellationToken: stop))
        {
            foreach (var part in update.ContentUpdate)
                text.Append(part.Text);
            finish = update.FinishReason ?? finish;
        }

        finish.ShouldBe(ChatFinishReason.Stop);
        return text.ToString();
    }

    /// <summary>The gateway and its two providers.</summary>
    private sealed class Fleet : IAsyncDisposable
    {
        private Server? _steady;
        private Server? _shaky;
        private Server? _gateway;

        public Scratch Scratch { get; } = new();

        public Server Gateway => _gateway!;

        public static async Task<Fleet> StartAsync(int seed, int minimumRequests)
        {
            var fleet = new Fleet();
            try
            {
                fleet._steady = await Server.SimAsync(fleet.Scratch, "--latency", "5ms", "--seed", $"{seed}");
                fleet._shaky = await Server.SimAsync(
                    fleet.Scratch, "--latency", "5ms", "--seed", $"{seed + 100}", "--error-rate", "0.2", "--reset-rate", "0.05", "--hang-rate", "0.02");
                var config = fleet.Scratch.Write("weir.json", Config.Replace("STEADY", fleet._steady.Url).Replace("SHAKY", fleet._shaky.Url).Replace("MINIMUM", $"{minimumRequests}"));
                fleet._gateway = await Server.UpAsync(fleet.Scratch, "--config", config);
                return fleet;
            }
            catch
            {
                await fleet.DisposeAsync();
                throw;
            }
        }

        /// <summary>Without which the run would show nothing.</summary>
        public async Task ShouldHaveMetAsync(params string[] faults)
        {
            var shaky = (await _shaky!.StatsAsync())["outcomes"]!;
            foreach (var fault in faults)
                ((int)shaky[fault]!).ShouldBeGreaterThan(0, shaky.ToJsonString());
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var server in new[] { _gateway, _shaky, _steady })
            {
                if (server is not null)
                    await server.DisposeAsync();
            }

            Scratch.Dispose();
        }
    }
}
