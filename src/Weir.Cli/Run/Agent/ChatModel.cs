using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Workers;

namespace Weir.Cli.Run.Agent;

/// <summary>An answer of the model.</summary>
/// <param name="Message">As it came, to be sent back with the next question.</param>
/// <param name="Finish">Why it ends, as the provider says. Null: it does not.</param>
/// <param name="Usage">Null: it was not told.</param>
internal sealed record ChatAnswer(JsonObject Message, string? Finish, TokenUsage? Usage)
{
    /// <summary>Empty: it says nothing.</summary>
    public string Text => Message["content"] is JsonArray parts ? string.Concat(parts.OfType<JsonObject>().Select(part => TextOf(part["text"]))) : TextOf(Message["content"]);

    /// <summary>Why it says nothing, where the model says that it will not. Empty: it does not.</summary>
    public string Refusal => TextOf(Message["refusal"]);

    public IReadOnlyList<ChatCall> Calls => Message["tool_calls"] is JsonArray calls ? [.. calls.OfType<JsonObject>().Select(CallOf)] : [];

    private static ChatCall CallOf(JsonObject call)
    {
        var function = call["function"] as JsonObject;
        return new ChatCall(TextOf(call["id"]), TextOf(function?["name"]), TextOf(function?["arguments"]));
    }

    // Some servers give arguments as an object and not as its text.
    private static string TextOf(JsonNode? node) => node is null ? "" : node is JsonValue value && value.TryGetValue<string>(out var text) ? text : node.ToJsonString();
}

/// <summary>A tool that the model wants called.</summary>
internal sealed record ChatCall(string Id, string Name, string Arguments);

/// <summary>The model cannot answer; asking again later may help, or not.</summary>
internal sealed class ModelException(string message, bool isFinal) : Exception(message)
{
    public bool IsFinal { get; } = isFinal;
}

/// <summary>A route of the server, asked for chat completions. The gateway keeps to the providers' limits and tries again; here only its own absence is waited out.</summary>
internal sealed class ChatModel(HttpClient http, RunPlan plan, TimeProvider time, Random random)
{
    private const int LargestAnswer = 16 * 1024 * 1024;

    private readonly Backoff _again = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(20), random);

    /// <exception cref="ModelException">It refuses, or what it says is no answer.</exception>
    /// <exception cref="OperationCanceledException">The attempt is over.</exception>
    public async Task<ChatAnswer> AskAsync(JsonArray messages, JsonArray tools, CancellationToken stop)
    {
        var body = new JsonObject { ["model"] = plan.Agent!.Route, ["messages"] = messages.DeepClone() };
        if (tools.Count > 0)
            body["tools"] = tools.DeepClone();
        var text = body.ToJsonString();
        for (var failures = 1; ; failures++)
        {
            TimeSpan? wait = null;
            try
            {
                using var request = RequestOf(HttpMethod.Post, "v1/chat/completions");
                request.Content = new StringContent(text, Encoding.UTF8, "application/json");
                using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
                await response.Content.LoadIntoBufferAsync(LargestAnswer, stop);
                var answer = await response.Content.ReadAsByteArrayAsync(stop);
                if (response.IsSuccessStatusCode)
                    return Read(answer);
                if (response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable))
                    throw new ModelException($"{plan.Agent.Route} answered {(int)response.StatusCode}: {ProblemOf(answer).Message}", (int)response.StatusCode is >= 400 and < 500 and not 408);
                wait = response.Headers.RetryAfter?.Delta;
            }
            catch (Exception away) when (away is HttpRequestException or IOException)
            {
                // The timeout of the attempt is the bound.
            }

            // One that says 0 is not asked round and round.
            var own = _again.After(failures);
            await Task.Delay(wait > own ? wait.Value : own, time, stop);
        }
    }

    /// <summary>Whether this key may ask the route at all, which the server tells by what a request would come to: also of what its list of models leaves out.</summary>
    /// <returns>Why it never can, as a sentence. Null: it can, or the server does not say.</returns>
    /// <exception cref="HttpRequestException">There is no answer.</exception>
    public async Task<string?> FaultOfRouteAsync(CancellationToken stop)
    {
        using var request = RequestOf(HttpMethod.Get, "v1/models/" + Uri.EscapeDataString(plan.Agent!.Route));
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
        if (response.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound))
            return null;
        await response.Content.LoadIntoBufferAsync(LargestAnswer, stop);
        var (message, code) = ProblemOf(await response.Content.ReadAsByteArrayAsync(stop));
        return response.StatusCode is HttpStatusCode.Unauthorized ? $"{message} Set WEIR_KEY."
            : code is "model_not_found" or "model_not_allowed" ? message
            : null;
    }

    private HttpRequestMessage RequestOf(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(plan.Url, path));
        if (plan.Key is { } key)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        if (plan.Priority is { } priority)
            request.Headers.TryAddWithoutValidation("x-weir-priority", priority.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return request;
    }

    private ChatAnswer Read(byte[] body)
    {
        try
        {
            var answer = AnswerJson.Parse(body);
            if (answer?["choices"] is JsonArray { Count: > 0 } choices && choices[0]?["message"] is JsonObject message)
                return new((JsonObject)message.DeepClone(), choices[0]!["finish_reason"]?.ToString(), UsageOf(answer["usage"]));
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            // Told below.
        }

        throw new ModelException($"{plan.Agent!.Route} answered what is no completion.", isFinal: false);
    }

    private static TokenUsage? UsageOf(JsonNode? usage) => usage is JsonObject ? new(CountOf(usage["prompt_tokens"]), CountOf(usage["completion_tokens"])) : null;

    private static long CountOf(JsonNode? tokens) => tokens is JsonValue value && value.TryGetValue<long>(out var count) ? count : 0;

    private static (string Message, string Code) ProblemOf(byte[] body)
    {
        try
        {
            var problem = AnswerJson.Parse(body) as JsonObject;
            var told = problem?["error"] as JsonObject ?? problem;
            return ((told?["message"] ?? told?["detail"])?.ToString() ?? "", told?["code"]?.ToString() ?? "");
        }
        catch (JsonException)
        {
            return ("", "");
        }
    }
}
