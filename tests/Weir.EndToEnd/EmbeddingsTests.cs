using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

/// <summary>One embedding service for all: what many ask at once is asked of the provider once, and not again after a restart.</summary>
public sealed class EmbeddingsTests
{
    private const int Callers = 1000;

    [Fact]
    public async Task ThousandCallers_OfOneText_CostOneCallAndAKilledServerNone()
    {
        using var scratch = new Scratch();
        await using var provider = await Server.SimAsync(scratch, "--latency", "1s");
        var config = scratch.Write("weir.json", $$"""
            {
              "providers": { "up": { "dialect": "openai", "base_url": "{{provider.BaseUrl}}" } },
              "embeddings": { "models": { "shared": { "kind": "route", "route": "up/sim-embedding" } } }
            }
            """);
        string first;
        await using (var weir = await Server.UpAsync(scratch, "--config", config))
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => EmbedAsync(weir)));

            answers.Select(answer => answer.Vector).Distinct().Count().ShouldBe(1);
            answers.ShouldAllBe(answer => answer.Cache == "miss" || answer.Cache == "coalesced" || answer.Cache == "hit");
            answers.Count(answer => answer.Cache == "miss").ShouldBe(1);
            first = answers[0].Vector;
            await ShouldHaveBeenAskedAsync(provider, 1);
            await KeptAsync(weir);
            weir.Process.Signal(ChildProcess.SignalKill);
            await weir.Process.ExitAsync(TimeSpan.FromSeconds(30));
        }

        await using var again = await Server.UpAsync(scratch, "--config", config);
        var (vector, cache) = await EmbedAsync(again);

        vector.ShouldBe(first);
        cache.ShouldBe("hit");
        await ShouldHaveBeenAskedAsync(provider, 1);
    }

    private static async Task<(string Vector, string Cache)> EmbedAsync(Server weir)
    {
        using var answer = await weir.Client.PostAsJsonAsync("/v1/embeddings", new { model = "shared", input = "the same text for all", encoding_format = "base64" });
        var text = await answer.Content.ReadAsStringAsync();
        answer.IsSuccessStatusCode.ShouldBeTrue(text);
        return ((string)JsonNode.Parse(text)!["data"]![0]!["embedding"]!, answer.Headers.GetValues("x-weir-cache").Single());
    }

    private static async Task ShouldHaveBeenAskedAsync(Server provider, int times) =>
        ((int)(await provider.StatsAsync())["paths"]!["/v1/embeddings"]!).ShouldBe(times);

    private static async Task KeptAsync(Server weir)
    {
        for (var attempt = 0; ; attempt++)
        {
            var cache = (await weir.Client.GetFromJsonAsync<JsonObject>("/v1/embeddings/stats"))!["cache"]!;
            if ((long)cache["store_writes"]! > 0 && (int)cache["store_pending"]! == 0)
                return;
            attempt.ShouldBeLessThan(600, $"nothing was kept: {cache.ToJsonString()}");
            await Task.Delay(50);
        }
    }
}
