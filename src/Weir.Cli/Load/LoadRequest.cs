using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Weir.Cli.Load;

/// <summary>Sends one request after another's example and says what became of it.</summary>
internal sealed class LoadRequest(LoadPlan plan, HttpClient http, TimeProvider time)
{
    // What a server sends without end must not fill this process: neither one line nor one whole answer is longer.
    private const int LongestLine = 1 << 20;
    private const int LongestAnswer = 16 << 20;
    private const int LongestSaid = 300;

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
            var read = await ReadAsync(body, answer.IsSuccessStatusCode, arrived, both.Token);
            var outcome = !answer.IsSuccessStatusCode ? string.Create(CultureInfo.InvariantCulture, $"{status / 100}xx") : read.Failure is null ? "2xx" : "broken";
            return new LoadSample(outcome, status, time.GetElapsedTime(arrived), read.First, held, QueuedOf(answer.Headers), read.Tokens)
            {
                Failure = read.Failure is null ? null : string.Create(CultureInfo.InvariantCulture, $"{status}: {read.Failure}"),
            };
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException || (fault is OperationCanceledException && !stop.IsCancellationRequested))
        {
            var outcome = bound.IsCancellationRequested ? "timeout" : status == 0 ? "network" : "broken";
            return new LoadSample(outcome, status, time.GetElapsedTime(arrived), null, held, null, 0) { Failure = fault.Message };
        }
    }

    private async Task<Reading> ReadAsync(Stream body, bool isGood, long arrived, CancellationToken stop)
    {
        var reader = PipeReader.Create(body);
        try
        {
            return !isGood ? await ReadErrorAsync(reader, stop)
                : plan.Stream ? await ReadEventsAsync(reader, arrived, stop)
                : await ReadWholeAsync(reader, stop);
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    // Only a connection that was read to its end is used again.
    private static async Task<Reading> ReadErrorAsync(PipeReader reader, CancellationToken stop)
    {
        string? said = null;
        for (long seen = 0; seen <= LongestAnswer;)
        {
            var read = await reader.ReadAsync(stop);
            said ??= Beginning(read.Buffer);
            seen += read.Buffer.Length;
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) break;
        }

        return new Reading(null, 0, said ?? "");
    }

    private static async Task<Reading> ReadWholeAsync(PipeReader reader, CancellationToken stop)
    {
        while (true)
        {
            var read = await reader.ReadAsync(stop);
            if (read.Buffer.Length > LongestAnswer) return new Reading(null, 0, "the answer is longer than 16 MB");
            if (read.IsCompleted)
            {
                var (isAnswer, tokens) = Scan(read.Buffer);
                return new Reading(null, tokens, isAnswer ? null : $"no answer: {Beginning(read.Buffer)}");
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private async Task<Reading> ReadEventsAsync(PipeReader reader, long arrived, CancellationToken stop)
    {
        TimeSpan? first = null;
        long events = 0, counted = 0;
        while (true)
        {
            var read = await reader.ReadAsync(stop);
            var left = read.Buffer;
            while (left.PositionOf((byte)'\n') is { } end)
            {
                var line = left.Slice(0, end);
                left = left.Slice(left.GetPosition(1, end));
                if (DataOf(line) is not { } data) continue;
                if (IsDone(data)) return new Reading(first, counted > 0 ? counted : events, null);

                first ??= time.GetElapsedTime(arrived);
                var (isAnswer, tokens) = Scan(data);
                if (!isAnswer) return new Reading(first, events, $"no answer: {Beginning(data)}");
                events++;
                counted = Math.Max(counted, tokens);
            }

            if (left.Length > LongestLine) return new Reading(first, events, "an event is longer than 1 MB");
            if (read.IsCompleted) return new Reading(first, events, "the stream ended without [DONE]");
            reader.AdvanceTo(left.Start, left.End);
        }
    }

    private static bool IsDone(in ReadOnlySequence<byte> data)
    {
        var reader = new SequenceReader<byte>(data);
        return data.Length == 6 && reader.IsNext("[DONE]"u8);
    }

    // As one line, for people.
    private static string Beginning(in ReadOnlySequence<byte> text) =>
        Encoding.UTF8.GetString(text.Slice(0, Math.Min(text.Length, LongestSaid))).ReplaceLineEndings(" ").Trim();

    // Null: a comment, a blank line, another field.
    private static ReadOnlySequence<byte>? DataOf(ReadOnlySequence<byte> line)
    {
        var reader = new SequenceReader<byte>(line);
        if (!reader.IsNext("data:"u8, advancePast: true)) return null;
        reader.AdvancePast((byte)' ');
        var data = reader.UnreadSequence;
        return data.Length > 0 && data.Slice(data.Length - 1).FirstSpan[0] == '\r' ? data.Slice(0, data.Length - 1) : data;
    }

    private static TimeSpan? QueuedOf(HttpResponseHeaders headers) =>
        headers.TryGetValues("x-weir-queue-ms", out var values) && long.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var ms)
            ? TimeSpan.FromMilliseconds(ms)
            : null;

    // An answer has choices, and no error, at its top.
    private static (bool IsAnswer, long Tokens) Scan(in ReadOnlySequence<byte> json)
    {
        var (hasChoices, hasError, tokens) = (false, false, 0L);
        try
        {
            var reader = new Utf8JsonReader(json);
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName) continue;
                if (reader.CurrentDepth == 1)
                {
                    hasChoices |= reader.ValueTextEquals("choices"u8);
                    if (reader.ValueTextEquals("error"u8))
                    {
                        reader.Read();
                        hasError |= reader.TokenType != JsonTokenType.Null;
                        continue;
                    }
                }

                if (!reader.ValueTextEquals("completion_tokens"u8)) continue;
                reader.Read();
                if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var count)) tokens = count;
            }
        }
        catch (JsonException)
        {
            return (false, 0);
        }

        return (hasChoices && !hasError, tokens);
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

    // Without a failure the answer was whole; First is null where no event came.
    private readonly record struct Reading(TimeSpan? First, long Tokens, string? Failure);
}
