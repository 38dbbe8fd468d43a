using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Dialects;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Requests to every path that takes a body, spoiled at random: each is answered in the shape of its path, and never with a fault of ours.</summary>
public sealed class SpoiledClientsTests
{
    private const string Boundary = "----b";

    private static readonly string Upload = string.Join("\r\n",
    [
        "--" + Boundary, "Content-Disposition: form-data; name=\"purpose\"", "", "batch",
        "--" + Boundary, "Content-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"", "Content-Type: application/octet-stream", "",
        """{"custom_id":"c1","method":"POST","url":"/v1/chat/completions","body":{"model":"fast","messages":[]}}""",
        "--" + Boundary + "--", "",
    ]);

    private static readonly Dictionary<string, string[]> Bodies = new()
    {
        ["chat/completions"] = SpoiledRequestTests.Clients["chat"].Bodies,
        ["messages"] = SpoiledRequestTests.Clients["messages"].Bodies,
        ["messages/count_tokens"] = SpoiledRequestTests.Clients["messages"].Bodies,
        ["responses"] = SpoiledRequestTests.Clients["responses"].Bodies,
        ["embeddings"] = ["""{"model":"fast","input":["a","b"],"encoding_format":"float","dimensions":3}""", """{"model":"fast","input":[1,2]}""", """{"model":"fast","input":[[1,2],[3]]}"""],
        ["batch"] = ["""{"requests":[{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"fast","messages":[]}},{"custom_id":"b","method":"POST","url":"/v1/embeddings","body":{"model":"fast","input":["x"]}}]}"""],
        ["batches"] = ["""{"input_file_id":"file-0","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"a":"b"},"output_expires_after":{"anchor":"created_at","seconds":3600}}"""],
    };

    public static TheoryData<string> Paths { get; } = new("chat/completions", "messages", "messages/count_tokens", "responses", "embeddings", "batch", "batches", "files");

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Post_Spoiled_IsAnsweredInTheShapeOfThePath(string path)
    {
        await using var openai = new ScriptedUpstream();
        await using var anthropic = new ScriptedUpstream(exchange => exchange.RespondAsync(200, """{"id":"1","type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"""));
        var quick = new ProviderOptions { Retry = new RetryOptions { Network = 0, Unavailable = 0, RateLimited = 0 }, Breaker = new BreakerOptions { FailureRatio = 1, MinimumRequests = 100_000 } };
        await using var server = await RunningServer.StartAsync(new()
        {
            Weir = new WeirOptions
            {
                Providers = new Dictionary<string, ProviderOptions>
                {
                    ["a"] = quick with { BaseUrl = openai.BaseUrl },
                    ["b"] = quick with { BaseUrl = anthropic.BaseUrl, Dialect = Dialect.Anthropic },
                },
                Routes = new Dictionary<string, RouteOptions>
                {
                    ["fast"] = new() { Deployments = [new() { Provider = "a", Model = "m" }, new() { Provider = "b", Model = "m" }] },
                },
            },
        });
        await RandomSchedule.RunAsync(150, async random =>
        {
            byte[] body;
            if (path == "files")
            {
                body = Mutations.Bytes(Encoding.UTF8.GetBytes(Upload), random);
            }
            else
            {
                var whole = Bodies[path][random.Next(Bodies[path].Length)];
                body = random.Next(3) == 0 ? Mutations.Bytes(Encoding.UTF8.GetBytes(whole), random) : Encoding.UTF8.GetBytes(Mutations.Json(whole, random));
            }

            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = path == "files" ? MediaTypeHeaderValue.Parse($"multipart/form-data; boundary={Boundary}") : new("application/json");
            using var answer = await server.SendAsync(HttpMethod.Post, "/v1/" + path, body: content);
            var text = await answer.Content.ReadAsStringAsync();

            var about = $"{(int)answer.StatusCode} {text}\nfor {Encoding.Latin1.GetString(body)}";
            // 502: the provider answered one body where a stream was asked for, or an embedding was.
            ((int)answer.StatusCode).ShouldBeOneOf([200, 400, 404, 413, 415, 422, 502], about);
            if (answer.StatusCode == System.Net.HttpStatusCode.OK)
                return;
            using var document = JsonDocument.Parse(text);
            if (path == "batch")
            {
                // A path of Weir's own.
                document.RootElement.GetProperty("detail").GetString().ShouldNotBeNullOrWhiteSpace(about);
                return;
            }

            var error = document.RootElement.GetProperty("error");
            error.GetProperty("message").GetString().ShouldNotBeNullOrWhiteSpace(about);
            if (path.StartsWith("messages", StringComparison.Ordinal))
                document.RootElement.GetProperty("type").GetString().ShouldBe("error", about);
            else
                error.GetProperty("code").GetString().ShouldNotBe("internal_error", about);
        });
    }
}
