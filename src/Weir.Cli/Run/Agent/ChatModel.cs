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
/// <param name="Usage">Null: it was not told.</param>
internal sealed record ChatAnswer(JsonObject Message, TokenUsage? Usage)
{
    public string Text => Message["content"] is JsonValue text && text.TryGetValue<string>(out var said) ? said : "";

    public IReadOnlyList<ChatCall> Calls => Message["tool_calls"] is JsonArray calls
        ? [.. calls.OfType<JsonObject>().Select(call => new ChatCall((string?)call["id"] ?? "", (string?)call["function"]?["name"] ?? "", (string?)call["function"]?["arguments"] ?? ""))]
        : [];
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
                using var request = RequestOf(text);
                using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
                await response.Content.LoadIntoBufferAsync(LargestAnswer, stop);
                var answer = await response.Content.ReadAsByteArrayAsync(stop);
                if (response.IsSuccessStatusCode)
                    return Read(answer);
                if (response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable))
                    throw new ModelException($"{plan.Agent.Route} answered {(int)response.StatusCode}: {MessageOf(answer)}", (int)response.StatusCode is >= 400 and < 500 and not 408);
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

    private HttpRequestMessage RequestOf(string body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(plan.Url, "v1/chat/completions")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
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
            var answer = JsonNode.Parse(body);
            if (answer?["choices"] is JsonArray { Count: > 0 } choices && choices[0]?["message"] is JsonObject message)
                return new((JsonObject)message.DeepClone(), UsageOf(answer["usage"]));
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            // Told below.
        }

        throw new ModelException($"{plan.Agent!.Route} answered what is no completion.", isFinal: false);
    }

    private static TokenUsage? UsageOf(JsonNode? usage) => usage is JsonObject ? new((long?)usage["prompt_tokens"] ?? 0, (long?)usage["completion_tokens"] ?? 0) : null;

    private static string MessageOf(byte[] body)
    {
        try
        {
            var problem = JsonNode.Parse(body) as JsonObject;
            return ((problem?["error"] as JsonObject)?["message"] ?? problem?["detail"])?.ToString() ?? "";
        }
        catch (JsonException)
        {
            return "";
        }
    }
}
