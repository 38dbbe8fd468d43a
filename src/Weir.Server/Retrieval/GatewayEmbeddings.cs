using System.Collections.Concurrent;
using Weir.Inference;
using Weir.Inference.Models;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Retrieval;
using Weir.Retrieval.Embedding;

namespace Weir.Server.Retrieval;

/// <summary>
/// The way of embedding models to providers: a request of the gateway like any other, as the asker's tenant, so that limits, retries, breakers, batching
/// and prices hold. It asks for base64, an eighth of the work of reading numbers, and takes either.
/// </summary>
/// <param name="pipeline">Found at the first use: the pipeline itself serves the models that ask here.</param>
/// <param name="directory">Likewise.</param>
/// <param name="time">Several requests for one call share its deadline.</param>
internal sealed class GatewayEmbeddings(Func<InferencePipeline> pipeline, Func<ModelDirectory> directory, TimeProvider time) : IEmbeddingRoute
{
    /// <summary>Inputs in one request: the gateway divides them further, by what the provider takes at once.</summary>
    public const int MostInputs = 2_000;

    // 2,000 vectors of 4,096 dimensions as numbers.
    private const int LargestAnswer = 128 << 20;
    private const int MostRemembered = 1_000;

    // Routes whose provider refuses to be asked for base64.
    private readonly ConcurrentDictionary<string, bool> _numbersOnly = new(StringComparer.Ordinal);

    public string? IdentityOf(string route) => directory().IdentityOf(route) is var (provider, model) ? $"{model}@{provider}" : null;

    public async ValueTask<RoutedEmbeddings> EmbedAsync(
        string route, IReadOnlyList<EmbeddingInput> inputs, int? dimensions, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var vectors = new ReadOnlyMemory<float>[inputs.Count];
        var (tokens, cost) = (0L, 0.0);
        for (var from = 0; from < inputs.Count; from += MostInputs)
        {
            var left = asker.Timeout - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                return Failed(new RetrievalError(504, "deadline_exceeded", $"The deadline passed while '{route}' was embedding."), tokens, cost);
            }

            var call = new RoutedCall(route, inputs, from, Math.Min(MostInputs, inputs.Count - from), dimensions);
            var part = await SendAsync(call, asker, left, cancellationToken).ConfigureAwait(false);
            tokens += part.Tokens;
            cost += part.Cost;
            if (part.Error is not null)
            {
                return Failed(part.Error, tokens, cost);
            }

            for (var i = 0; i < call.Count; i++)
            {
                vectors[from + i] = part.Vectors[i];
            }
        }

        return new RoutedEmbeddings { Vectors = vectors, Tokens = Clamp(tokens), Cost = cost };
    }

    private async ValueTask<RoutedEmbeddings> SendAsync(RoutedCall call, EmbeddingAsker asker, TimeSpan? left, CancellationToken cancellationToken)
    {
        var asNumbers = _numbersOnly.ContainsKey(call.Route);
        var (sent, answer) = await SendAsync(call, asNumbers, asker, left, cancellationToken).ConfigureAwait(false);
        if (!asNumbers && RoutedRefusal.IsOfFormat(sent, answer))
        {
            if (_numbersOnly.Count < MostRemembered)
            {
                _numbersOnly.TryAdd(call.Route, true);
            }

            (sent, answer) = await SendAsync(call, asNumbers: true, asker, left, cancellationToken).ConfigureAwait(false);
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (RoutedRefusal.Of(sent, answer, call.Route) is { } refusal)
        {
            return Failed(refusal, sent.Usage?.Input ?? 0, sent.Cost);
        }

        return RoutedVectors.Read(answer.Content.Span, call.Count, out var fault) is { } vectors
            ? new RoutedEmbeddings { Vectors = vectors, Tokens = Clamp(sent.Usage?.Input ?? 0), Cost = sent.Cost }
            : Failed(RoutedRefusal.Bad(call.Route, fault!), sent.Usage?.Input ?? 0, sent.Cost);
    }

    private async ValueTask<(InferenceReport Report, BufferedAnswer Answer)> SendAsync(
        RoutedCall call, bool asNumbers, EmbeddingAsker asker, TimeSpan? left, CancellationToken cancellationToken)
    {
        var body = call.ToBody(asNumbers);
        if (RequestHeadScanner.Scan(body.Span, out var head) is { } fault)
        {
            throw new InvalidOperationException($"A request for embeddings is not one: {fault.Message}");
        }

        var answer = new BufferedAnswer(LargestAnswer);
        var report = await pipeline().RunAsync(
            new InferenceRequest
            {
                Operation = Operation.Embeddings,
                Head = head,
                Body = body,
                Tenant = asker.Tenant,
                Client = asker.Client,
                Priority = asker.Priority,
                IsBackground = asker.IsBackground,
                Timeout = left,
                IsForRoutes = true,
            },
            answer,
            cancellationToken).ConfigureAwait(false);
        return (report, answer);
    }

    private static RoutedEmbeddings Failed(RetrievalError error, long tokens, double cost) => new() { Error = error, Tokens = Clamp(tokens), Cost = cost };

    private static int Clamp(long tokens) => (int)Math.Min(tokens, int.MaxValue);
}
