using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Models;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Server.Errors;
using Weir.Server.Keys;

namespace Weir.Server.Endpoints;

/// <summary>What all requests of one batch have in common.</summary>
/// <param name="Caller">Each request enters by the caller's limits, as one that came by itself.</param>
/// <param name="Body">The batch's; its memory is held until the run has ended.</param>
/// <param name="AtOnce">Requests under way at once.</param>
/// <param name="Like">Priority, deadline and the like, as the batch's own headers say.</param>
internal sealed record BatchTerms(Caller Caller, PooledBody Body, int AtOnce, InferenceRequest Like);

/// <summary>Runs the requests of one batch and writes their results in order, each as soon as those before it are written.</summary>
internal sealed class BatchRequestRun(InferencePipeline pipeline, ModelDirectory models, KeyLimits limits, TimeProvider time, BatchTerms terms)
{
    private const int LargestAnswer = 16 << 20;

    // Answers that wait for an earlier one; past it nothing new is begun until that one has come.
    private const long MostHeld = 256L << 20;

    // Between two tries of what Weir's own full queue refused; the queue says itself when to come back.
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    // As routes have it: of a name that only a provider's list resolves no route is known here.
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(10);

    private static readonly Operation[] Served =
        [Operation.ChatCompletions, Operation.Completions, Operation.Embeddings, Operation.Responses, Operation.Messages];

    private long _held;

    /// <returns>When all is written, or nobody reads it any more.</returns>
    public async Task RunAsync(IReadOnlyList<BatchItem> items, PipeWriter output, CancellationToken clientGone)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(clientGone);
        using var room = new SemaphoreSlim(terms.AtOnce);
        var waiting = new Queue<Task<BatchResult>>();
        var next = 0;
        try
        {
            output.Write("{\"results\":["u8);
            for (var written = 0; written < items.Count; written++)
            {
                while (next < items.Count && waiting.Count < terms.AtOnce * 2 && (waiting.Count == 0 || Volatile.Read(ref _held) < MostHeld))
                {
                    waiting.Enqueue(RunOneAsync(items[next], next, room, stop.Token));
                    next++;
                }

                var result = await waiting.Peek();
                _ = waiting.Dequeue();
                output.Write(written == 0 ? "\n"u8 : ",\n"u8);
                result.WriteTo(output);
                Interlocked.Add(ref _held, -result.Body.Length);
                if ((await output.FlushAsync(clientGone)).IsCompleted)
                {
                    return;
                }
            }

            output.Write("\n]}\n"u8);
            await output.FlushAsync(clientGone);
        }
        finally
        {
            // What is under way reads the batch's memory.
            await stop.CancelAsync();
            await ((Task)Task.WhenAll(waiting)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<BatchResult> RunOneAsync(BatchItem item, int index, SemaphoreSlim room, CancellationToken stop)
    {
        await room.WaitAsync(stop);
        try
        {
            var result = await ServeAsync(item, index, stop);
            Interlocked.Add(ref _held, result.Body.Length);
            return result;
        }
        finally
        {
            room.Release();
        }
    }

    private async ValueTask<BatchResult> ServeAsync(BatchItem item, int index, CancellationToken stop)
    {
        if (item.Fault is { } fault)
        {
            return BatchResult.Failed(item.CustomId, ApiError.Malformed(fault));
        }

        if (Array.Find(Served, operation => item.Url == "/v1" + operation.Path) is not { } operation)
        {
            return BatchResult.Failed(item.CustomId, ApiError.Malformed($"\"url\" must be one of {string.Join(", ", Served.Select(served => "/v1" + served.Path))}.", "url"));
        }

        var body = terms.Body.Memory[item.Body!.Value];
        if (RequestHeadScanner.Scan(body.Span, out var head) is { } malformed)
        {
            return BatchResult.Failed(item.CustomId, InferenceEndpoints.Of(malformed));
        }

        if (head.Stream)
        {
            return BatchResult.Failed(item.CustomId, ApiError.Malformed("A request of a batch cannot stream: leave \"stream\" out.", "stream"));
        }

        if (!limits.TryEnter(terms.Caller, pipeline.EstimateOf(operation, head), out var permit, out var refusal))
        {
            return BatchResult.Failed(item.CustomId, refusal);
        }

        using (permit)
        {
            var (answer, report) = await RunAsync(left => Request(operation, head, body, index, left), head, stop);
            InferenceEndpoints.Settle(permit, report);
            return Result(item.CustomId, answer, report);
        }
    }

    // A full queue empties, if only as the others of this batch end: a batch must not fail by its own size. Its place among those that are
    // under way is kept meanwhile, so that no other takes it.
    private async ValueTask<(BufferedAnswer Answer, InferenceReport Report)> RunAsync(Func<TimeSpan?, InferenceRequest> request, RequestHead head, CancellationToken stop)
    {
        var started = time.GetTimestamp();
        var timeout = terms.Like.Timeout ?? (head.Model is { } model ? models.TimeoutOf(model) : null) ?? DefaultTimeout;
        var left = terms.Like.Timeout;
        while (true)
        {
            var answer = new BufferedAnswer(LargestAnswer);
            var report = await pipeline.RunAsync(request(left), answer, stop);
            if (report is not { Error: { Code: "overloaded" or "embeddings_overloaded" } error, Attempts: 0 })
            {
                return (answer, report);
            }

            var wait = TimeSpan.FromTicks(Math.Clamp((error.RetryAfter ?? TimeSpan.FromSeconds(1)).Ticks, ShortestWait.Ticks, LongestWait.Ticks));
            if (timeout - time.GetElapsedTime(started) <= wait)
            {
                return (answer, report);
            }

            await Task.Delay(wait, time, stop);
            left = timeout - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                return (answer, report);
            }
        }
    }

    private InferenceRequest Request(Operation operation, RequestHead head, ReadOnlyMemory<byte> body, int index, TimeSpan? timeout) => new()
    {
        Operation = operation,
        Head = head,
        Body = body,
        Owner = terms.Body,
        Tenant = terms.Caller.Tenant,
        Client = terms.Caller.KeyId,
        MayUse = terms.Caller.MayUse,
        Priority = terms.Like.Priority,
        Timeout = timeout,
        UseCache = terms.Like.UseCache,
        // One key for all would make them one request at the provider.
        Headers = terms.Like.Headers is { IdempotencyKey: { } key } all ? all with { IdempotencyKey = $"{key}\n{index}" } : terms.Like.Headers,
    };

    private static BatchResult Result(string? id, BufferedAnswer answer, InferenceReport report)
    {
        if (report.Error is { } error)
        {
            return BatchResult.Failed(id, InferenceEndpoints.Of(error));
        }

        if (answer.IsTooLarge)
        {
            return BatchResult.Failed(id, new ApiError(502, "answer_too_large", $"The answer is larger than {LargestAnswer} bytes, which is the most that one request of a batch may be answered with: send it by itself."));
        }

        if (answer.Head is not { } head || answer.IsAborted || report.FailedBy is not null and not "client")
        {
            return BatchResult.Failed(id, new ApiError(502, "provider_broken", "The answer broke off."));
        }

        var isJson = IsJson(answer.Content.Span);
        return head.Status is >= 200 and < 300 ? isJson
                ? new BatchResult(id, head.Status, answer.Content, null)
                : BatchResult.Failed(id, new ApiError(502, "provider_broken", "The provider answered with something that is not JSON."))
            : new BatchResult(id, head.Status, isJson ? answer.Content : default, new ApiError(head.Status, "provider_rejected", $"The provider answered {head.Status}{(isJson ? "; \"body\" is what it said" : "")}."));
    }

    private static bool IsJson(ReadOnlySpan<byte> content)
    {
        try
        {
            var reader = new Utf8JsonReader(content, new JsonReaderOptions { MaxDepth = 1024 });
            while (reader.Read())
            {
            }

            return !content.IsEmpty;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
