using Weir.Flow.Batching;
using Weir.Inference.Relay;

namespace Weir.Inference.Embeddings;

/// <summary>Sends one batch: a call that is alone in it goes as it came, several go as one request.</summary>
internal sealed class EmbeddingBatch(Journeys journeys, EmbeddingMetrics metrics, TimeProvider time)
{
    // What one call of a provider may answer: 2,000 inputs of 3,072 dimensions as numbers are about 80 MB.
    private const int LargestAnswer = 128 << 20;

    /// <exception cref="BatchFaultException">The provider refused several together.</exception>
    public async Task<IReadOnlyList<BatchOutcome<EmbeddingResult>>> SendAsync(IReadOnlyList<EmbeddingPart> parts, CancellationToken abandoned)
    {
        // Whoever leaves from now on takes nothing away that is still read.
        var held = parts.Where(static part => part.Call.Request.Owner is not { } owner || owner.TryHold()).ToList();
        try
        {
            if (held.Count == 0)
            {
                return [.. parts.Select(static _ => Gone())];
            }

            metrics.Sent(held.Count, held.Sum(static part => part.Count));
            EmbeddingResult[] results = held is [{ IsWhole: true } alone]
                ? [await SendAloneAsync(alone.Call, abandoned).ConfigureAwait(false)]
                : await SendMergedAsync(held, abandoned).ConfigureAwait(false);

            // Those who are left out had gone: what is held is in the order of all.
            var next = 0;
            return [.. parts.Select(part => next < held.Count && ReferenceEquals(held[next], part) ? BatchOutcome.Success(results[next++]) : Gone())];
        }
        finally
        {
            foreach (var part in held)
            {
                part.Call.Request.Owner?.Release();
            }
        }
    }

    private static BatchOutcome<EmbeddingResult> Gone() => BatchOutcome.Failure<EmbeddingResult>(new OperationCanceledException("The client left."));

    private async ValueTask<EmbeddingResult> SendAloneAsync(EmbeddingCall call, CancellationToken abandoned)
    {
        var error = await journeys.RunAsync(call.Route, call.Request, call.Answer, call.Report, call.Started, abandoned).ConfigureAwait(false);
        return new EmbeddingResult { WasSentAlone = true, Error = error };
    }

    private async ValueTask<EmbeddingResult[]> SendMergedAsync(List<EmbeddingPart> parts, CancellationToken abandoned)
    {
        var merged = new MergedInputs(parts);
        var route = parts[0].Call.Route;
        var answer = new BufferedAnswer(LargestAnswer);
        var report = new InferenceReport { Route = route.Name, IsConfigured = route.IsConfigured };
        var error = await journeys.RunAsync(route, merged.ToRequest(time), answer, report, time.GetTimestamp(), abandoned).ConfigureAwait(false);
        abandoned.ThrowIfCancellationRequested();

        // Only of what is wrong with the request itself can it be that one member has it and the others do not.
        var status = error?.Status ?? answer.Head?.Status ?? 0;
        if (parts.Count > 1 && status is 400 or 413 or 422)
        {
            throw new BatchFaultException();
        }

        if (error is null && status != 200)
        {
            return All(parts, new EmbeddingResult { Refusal = answer, Report = report });
        }

        var isWhole = error is null && !answer.IsAborted && !answer.IsTooLarge && report.FailedBy is null;
        if (!isWhole || EmbeddingVectors.Read(answer.Content, merged.Count) is not { } vectors)
        {
            return All(parts, new EmbeddingResult { Error = error ?? Broken(report, answer), Report = report });
        }

        return Divide(parts, merged, vectors, report);
    }

    private static EmbeddingResult[] Divide(List<EmbeddingPart> parts, MergedInputs merged, EmbeddingVectors vectors, InferenceReport report)
    {
        var weights = parts.ConvertAll(static part => part.Weight);
        var used = report.Usage ?? default;
        var (input, output) = (Shares.Of(used.Input, weights), Shares.Of(used.Output, weights));
        var total = Math.Max(1, used.Total);
        return [.. parts.Select((_, i) => new EmbeddingResult
        {
            Vectors = merged.Of(i, vectors),
            Model = vectors.Model,
            Usage = report.Usage is null ? null : new TokenUsage(input[i], output[i]),
            Cost = report.Cost * (input[i] + output[i]) / total,
            Report = report,
        })];
    }

    private static EmbeddingResult[] All(List<EmbeddingPart> parts, EmbeddingResult result) => [.. parts.Select(_ => result)];

    private static InferenceError Broken(InferenceReport report, BufferedAnswer answer) => new(
        502,
        "provider_broken",
        answer.IsTooLarge
            ? $"Provider '{report.Provider}' answered a batch of embeddings with more than {LargestAnswer} bytes: lower its limits.max_batch."
            : $"Provider '{report.Provider}' answered a batch of embeddings with something else than one vector for each input.")
    {
        ShouldRetry = false,
    };
}
