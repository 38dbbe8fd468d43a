using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Weir.Cli.Load;

/// <summary>Sends one request after another's example and says what became of it.</summary>
internal sealed class LoadRequest(LoadPlan plan, HttpClient http, TimeProvider time)
{
    private const int LongestLine = 1 << 20;

    private readonly Uri _uri = new($"{plan.BaseUrl.ToString().TrimEnd('/')}/chat/completions");
    private readonly byte[] _body = Body(plan);

    /// <param name="arrived">When it should have been sent.</param>
    /// <param name="stop">Ends it without a sample.</param>
    public async Task<LoadSample> SendAsync(long arrived, CancellationToken stop)
    {
        var held = time.GetElapsedTime(arrived);
        var left = plan.Timeout - held;
        if (left <= TimeSpan.Zero) return new LoadSample("timeout", 0, held, null, held, null, 0);

        using var bound = new CancellationTokenSource(left, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, stop);
        var status = 0;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _uri) { Content = new ByteArrayContent(_body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            if (plan.Key is { } key) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token);
            status = (int)answer.StatusCode;
            await using var body = await answer.Content.ReadAsStreamAsync(both.Token);
            var (first, tokens, isWhole) = await ReadAsync(body, answer.IsSuccessStatusCode, arrived, both.Token);
            var outcome = !answer.IsSuccessStatusCode ? string.Create(CultureInfo.InvariantCulture, $"{status / 100}xx") : isWhole ? "2xx" : "broken";
            return new LoadSample(outcome, status, time.GetElapsedTime(arrived), first, held, QueuedOf(answer.Headers), tokens);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException || (fault is OperationCanceledException && !stop.IsCancellationRequested))
        {
            var outcome = bound.IsCancellationRequested ? "timeout" : status == 0 ? "network" : "broken";
            return new LoadSample(outcome, status, time.GetElapsedTime(arrived), null, held, null, 0);
        }
    }

    private async Task<(TimeSpan? First, long Tokens, bool IsWhole)> ReadAsync(Stream body, bool isGood, long arrived, CancellationToken stop)
    {
        if (!plan.Stream || !isGood)
        {
            using var memory = new MemoryStream();
            await body.CopyToAsync(memory, stop);
            return (null, isGood ? TokensIn(memory.GetBuffer().AsSpan(0, (int)memory.Length)) : 0, true);
        }

        TimeSpan? first = null;
        long events = 0, counted = 0;
        var isWhole = false;
        using var reader = new StreamReader(body);
        while (await reader.ReadLineAsync(stop) is { } line)
        {
            if (!line.StartsWith("data:", StringComparison.Ordinal) || line.Length > LongestLine) continue;
            var data = line.AsSpan(5).Trim();
            if (data.SequenceEqual("[DONE]"))
            {
                isWhole = true;
                break;
            }

            first ??= time.GetElapsedTime(arrived);
            if (data.StartsWith("{\"error\"")) return (first, events, false);
            events += data.Contains("\"content\":", StringComparison.Ordinal) ? 1 : 0;
            if (data.Contains("\"completion_tokens\"", StringComparison.Ordinal)) counted = TokensIn(System.Text.Encoding.UTF8.GetBytes(data.ToString()));
        }

        return (first, counted > 0 ? counted : events, isWhole);
    }

    private static TimeSpan? QueuedOf(HttpResponseHeaders headers) =>
        headers.TryGetValues("x-weir-queue-ms", out var values) && long.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var ms)
            ? TimeSpan.FromMilliseconds(ms)
            : null;

    private static long TokensIn(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("completion_tokens"u8))
                {
                    reader.Read();
                    return reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var count) ? count : 0;
                }
            }
        }
        catch (JsonException)
        {
            // Nothing that could be counted.
        }

        return 0;
    }

    private static byte[] Body(LoadPlan plan)
    {
        // A short common word is about one token.
        var prompt = string.Join(' ', Enumerable.Repeat("water", plan.PromptTokens));
        return JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["model"] = plan.Model,
            ["messages"] = new[] { new Dictionary<string, string> { ["role"] = "user", ["content"] = prompt } },
            ["max_tokens"] = plan.MaxTokens,
            ["stream"] = plan.Stream,
        });
    }
}
