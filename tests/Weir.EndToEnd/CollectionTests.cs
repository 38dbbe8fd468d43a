using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Weir.EndToEnd.Support;
using Weir.Tests.State.Redis;

namespace Weir.EndToEnd;

/// <summary>Collections through real processes: one is killed while it takes documents in, two share a Redis that goes away.</summary>
public sealed class CollectionTests
{
    private const int Batch = 256;
    private const int Documents = 6000;

    [Fact]
    public async Task Ingest_ServerKilledInTheMiddle_KeepsWhatItReportedAndWholeBatchesOnly()
    {
        using var scratch = new Scratch();
        var reported = 0;
        await using (var first = await Server.UpAsync(scratch))
        {
            using var made = await first.Client.PutAsync("/v1/collections/c", null);
            made.EnsureSuccessStatusCode();
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/collections/c/documents") { Content = new StringContent(Lines(), Encoding.UTF8, "application/x-ndjson") };
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
            using var answer = await first.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            using var events = new StreamReader(await answer.Content.ReadAsStreamAsync());
            while (reported < Documents / 4 && await events.ReadLineAsync() is { } line)
            {
                if (line.StartsWith("data: ", StringComparison.Ordinal))
                    reported = JsonSerializer.Deserialize<JsonElement>(line[6..]).GetProperty("documents").GetInt32();
            }

            reported.ShouldBeInRange(1, Documents - 1, "it was to be killed in the middle");
            // Disposing sends SIGKILL.
        }

        await using var second = await Server.UpAsync(scratch);
        await SearchAsync(second, "common", "sparse", 10);
        var shown = await second.Client.GetFromJsonAsync<JsonElement>("/v1/collections/c");
        var held = shown.GetProperty("documents").GetInt32();
        held.ShouldBeGreaterThanOrEqualTo(reported);
        (held % Batch).ShouldBe(0);
        shown.GetProperty("state").GetString().ShouldBe("ready");

        // Sent again, only the rest is stored.
        using var rest = new StringContent(Lines(), Encoding.UTF8, "application/x-ndjson");
        using var again = await second.Client.PostAsync("/v1/collections/c/documents", rest);
        var report = await again.Content.ReadFromJsonAsync<JsonElement>();
        (report.GetProperty("unchanged").GetInt32(), report.GetProperty("documents").GetInt32()).ShouldBe((held, Documents - held));
        foreach (var mode in (string[])["dense", "sparse", "hybrid"])
            (await SearchAsync(second, $"number{Documents - 1}", mode, 1))[0].GetProperty("document_id").GetString().ShouldBe($"d{Documents - 1}");
    }

    [Fact]
    public async Task Replicas_OverOneRedis_FindWhatTheOtherTookInAndSearchWhileItIsAway()
    {
        await using var redis = await RedisServer.StartAsync();
        using var scratch = new Scratch();
        using var other = new Scratch();
        var replicas = await Task.WhenAll(Server.UpAsync(scratch, "--state", redis.Url), Server.UpAsync(other, "--state", redis.Url));
        await using var one = replicas[0];
        await using var two = replicas[1];
        using (var made = await one.Client.PutAsync("/v1/collections/c", null))
            made.EnsureSuccessStatusCode();
        (await IngestAsync(one, "first")).ShouldBe(HttpStatusCode.OK);
        await FindsAsync(two, "first");
        await FindsAsync(one, "first");

        redis.Pause();
        await FindsAsync(one, "first");
        await FindsAsync(two, "first");
        using (var body = Document("second"))
        using (var refused = await one.Client.PostAsync("/v1/collections/c/documents", body))
            (refused.StatusCode, refused.Headers.RetryAfter?.Delta > TimeSpan.Zero).ShouldBe((HttpStatusCode.ServiceUnavailable, true));

        redis.Continue();
        for (var look = 0; await IngestAsync(one, "third") != HttpStatusCode.OK; look++)
        {
            look.ShouldBeLessThan(100, "it never took documents in again");
            await Task.Delay(100);
        }

        await FindsAsync(two, "third");

        static async Task FindsAsync(Server server, string id)
        {
            for (var look = 0; ; look++)
            {
                if ((await SearchAsync(server, id, "hybrid", 1)).EnumerateArray().Any(hit => hit.GetProperty("document_id").GetString() == id))
                    return;
                look.ShouldBeLessThan(200, $"{id} was not found");
                await Task.Delay(50);
            }
        }

        static StringContent Document(string id) => new($$"""[{"id":"{{id}}","text":"the {{id}} document"}]""", Encoding.UTF8, "application/json");

        static async Task<HttpStatusCode> IngestAsync(Server server, string id)
        {
            using var body = Document(id);
            using var answer = await server.Client.PostAsync("/v1/collections/c/documents", body);
            return answer.StatusCode;
        }
    }

    private static string Lines() => string.Join('\n', Enumerable.Range(0, Documents).Select(i => $$"""{"id":"d{{i}}","text":"common words and number{{i}}"}"""));

    private static async Task<JsonElement> SearchAsync(Server server, string query, string mode, int k)
    {
        using var answer = await server.Client.PostAsJsonAsync("/v1/collections/c/search", new { query, mode, top_k = k });
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("results");
    }
}
