using Weir.Flow.Batching;
using Weir.Inference.Attempts;
using Weir.Inference.Caching;
using Weir.Inference.Coalescing;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Embeddings;

/// <summary>
/// Embeddings on their way: the same request under way is joined, whoever sent it; what may go together goes in one call; what is too
/// much for one call goes in several. A request that is alone goes as the bytes it came in.
/// </summary>
internal sealed class EmbeddingJourneys(Journeys journeys, EmbeddingBatches batches, AnswerCache cache, AnswerFlights flights, TimeProvider time)
{
    /// <summary>Inputs in one request: its answer is put together in memory.</summary>
    public const int MostInputs = 20_000;

    /// <inheritdoc cref="Journey.RunAsync"/>
    public async ValueTask<InferenceError?> RunAsync(
        RouteModel route, InferenceRequest request, IAnswer answer, InferenceReport report, long started, CancellationToken clientGone)
    {
        if (MixedModels(route) is { } mixed)
        {
            return mixed;
        }

        if (request.Head.Stream || EmbeddingInputs.Read(request.Body) is not { } inputs)
        {
            return await journeys.RunAsync(route, request, answer, report, started, clientGone).ConfigureAwait(false);
        }

        if (inputs.Count > MostInputs)
        {
            return new InferenceError(422, "too_many_inputs", $"The request has {inputs.Count} inputs; one may have {MostInputs}. Send it in parts.") { Param = "input", ShouldRetry = false };
        }

        var keep = cache.KeyOf(route, request);
        if (keep is { } key && await cache.TryReplayAsync(key, request, answer, report, clientGone).ConfigureAwait(false))
        {
            return null;
        }

        return await flights.RunAsync(
            new FlightTicket(KeyOf(route, request, inputs, withInputs: true), keep),
            async (shared, work, abandoned) =>
                keep is { } kept && await cache.TryReplaySharedAsync(kept, shared, work, abandoned).ConfigureAwait(false)
                    ? null
                    : await SendAsync(new EmbeddingCall(route, request, inputs, shared, work, started), abandoned).ConfigureAwait(false),
            route, request, answer, report, started, clientGone).ConfigureAwait(false);
    }

    // Vectors of two models must never meet in one index. Which routes embed is known only now.
    private static InferenceError? MixedModels(RouteModel route)
    {
        var model = route.Deployments[0].Model;
        var other = Array.Find(route.Deployments, deployment => deployment.Model != model);
        return other is null ? null : new InferenceError(
            422,
            "embedding_models_differ",
            $"The deployments of '{route.Name}' differ in model ('{model}', '{other.Model}'), and vectors of two models must not mix. Make a route for each model, or name one as provider/model.")
        {
            Param = "model",
            ShouldRetry = false,
        };
    }

    // Whose request it is does not count: a vector tells nothing that its text does not.
    private static AnswerKey KeyOf(RouteModel route, InferenceRequest request, EmbeddingInputs inputs, bool withInputs)
    {
        using var key = new KeyWriter();
        CacheableRequest.WriteRoute(key, route);
        key.Text(request.Headers.OpenAIBeta);
        if (withInputs)
        {
            inputs.WriteTo(key);
        }
        else
        {
            key.Bytes(inputs.Parameters.Span);
            key.Tag(inputs.AreTokens ? 't' : 'w');
        }

        return key.ToKey().For(request);
    }

    private async ValueTask<InferenceError?> SendAsync(EmbeddingCall call, CancellationToken abandoned)
    {
        var maxBatch = call.Route.Deployments.Min(static deployment => deployment.MaxBatch);
        var batch = new BatchKey(call.Route, KeyOf(call.Route, call.Request, call.Inputs, withInputs: false));
        if (call.Inputs.Count > maxBatch)
        {
            // What is the same would stand in several parts, and be paid for in each.
            var (inputs, places) = call.Inputs.Distinct();
            call = inputs.Count == call.Inputs.Count ? call : call with { Inputs = inputs, Places = places };
        }

        var left = call.Timeout - time.GetElapsedTime(call.Started);
        if (left <= TimeSpan.Zero)
        {
            return Exhausted.Deadline("The deadline passed.");
        }

        // Others in the batch may have longer; this call does not wait for them.
        using var over = CancellationTokenSource.CreateLinkedTokenSource(abandoned);
        var parts = Task.WhenAll(Divide(call, maxBatch).Select(part => SendAsync(batch, part, maxBatch, over)));
        try
        {
            await parts.WaitAsync(left, time, abandoned).ConfigureAwait(false);
        }
        catch (TimeoutException) when (call.Report.Status == 0)
        {
            await over.CancelAsync().ConfigureAwait(false);
            await ((Task)parts).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return Exhausted.Deadline($"The deadline passed while '{call.Route.Name}' was working on it.");
        }
        catch (OperationCanceledException)
        {
            // The parts end by the same token, and are not left behind.
            await ((Task)parts).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        catch (TimeoutException)
        {
            // Sent alone, and its answer has begun: the deadline does not cut it.
        }

        return await ConcludeAsync(call, await parts.ConfigureAwait(false), abandoned).ConfigureAwait(false);
    }

    private static IEnumerable<EmbeddingPart> Divide(EmbeddingCall call, int maxBatch)
    {
        for (var from = 0; from < call.Inputs.Count; from += maxBatch)
        {
            yield return new EmbeddingPart(call, from, Math.Min(maxBatch, call.Inputs.Count - from));
        }
    }

    // Null: it was given up, since another part failed or nobody waits any more.
    private async Task<EmbeddingResult?> SendAsync(BatchKey key, EmbeddingPart part, int maxBatch, CancellationTokenSource over)
    {
        try
        {
            var outcome = await batches.SendAsync(key, part, maxBatch, over.Token).ConfigureAwait(false);
            var result = outcome.Error switch
            {
                null => outcome.Value,
                BatchRefusedException => new EmbeddingResult { Error = Overloaded(part.Call.Route) },
                OperationCanceledException => null,
                var fault => throw new InvalidOperationException("A batch of embeddings failed.", fault),
            };
            if (result is { WasSentAlone: false } and ({ Error: not null } or { Refusal: not null }))
            {
                await over.CancelAsync().ConfigureAwait(false);
            }

            return result;
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            return null;
        }
    }

    private static InferenceError Overloaded(RouteModel route) => new(429, "overloaded", $"Too many embeddings wait for '{route.Name}' already. Come back later.")
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };

    private static async ValueTask<InferenceError?> ConcludeAsync(EmbeddingCall call, EmbeddingResult?[] results, CancellationToken abandoned)
    {
        if (results is [{ WasSentAlone: true } alone])
        {
            return alone.Error;
        }

        var report = call.Report;
        Sum(report, results);
        if (Array.Find(results, static result => result is { Error: not null } or { Refusal: not null }) is { } failed)
        {
            return failed.Error ?? await PassOnAsync(failed.Refusal!, report, call.Answer, abandoned).ConfigureAwait(false);
        }

        if (Array.Exists(results, static result => result is null))
        {
            throw new OperationCanceledException(abandoned);
        }

        report.Status = 200;
        ReadOnlyMemory<byte>[] vectors = [.. results.SelectMany(static result => result!.Vectors)];
        vectors = call.Places is { } places ? Array.ConvertAll(places, place => vectors[place]) : vectors;
        await EmbeddingAnswer.WriteAsync(vectors, results[0]!.Model, report, call.Answer, abandoned).ConfigureAwait(false);
        return null;
    }

    private static async ValueTask<InferenceError?> PassOnAsync(BufferedAnswer refusal, InferenceReport report, IAnswer answer, CancellationToken abandoned)
    {
        var head = refusal.Head!.Value;
        (report.Status, report.FailedBy, report.ClientAtFault) = (head.Status, head.Report.FailedBy, head.Report.ClientAtFault);
        answer.Begin(head with { Report = report });
        await answer.Body.WriteAsync(refusal.Content, abandoned).ConfigureAwait(false);
        return null;
    }

    private static void Sum(InferenceReport report, EmbeddingResult?[] results)
    {
        long input = 0, output = 0;
        var isCounted = false;
        foreach (var result in results)
        {
            if (result?.Report is { } sent)
            {
                (report.Deployment, report.Provider, report.Model, report.UpstreamId) = (sent.Deployment, sent.Provider, sent.Model, sent.UpstreamId);
                (report.FirstEvent, report.Queued) = (sent.FirstEvent, sent.Queued > report.Queued ? sent.Queued : report.Queued);
                report.Attempts += sent.Attempts;
                report.Cost += result.Cost;
            }

            if (result?.Usage is { } usage)
            {
                isCounted = true;
                (input, output) = (input + usage.Input, output + usage.Output);
            }
        }

        report.Usage = isCounted ? new TokenUsage(input, output) : null;
    }
}
