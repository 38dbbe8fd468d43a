using System.Collections.Frozen;
using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Models;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Retrieval.Embedding;
using Weir.Server.Keys;

namespace Weir.Server.Retrieval;

/// <summary>The embedding models as the gateway serves them: whatever comes through it (requests, batches, captures, keys' accounts) comes here too.</summary>
internal sealed class EmbeddingAnswers(EmbeddingService service, KeyStates keys) : IServedModels
{
    private FrozenDictionary<string, EmbeddingModelAnswers> _models = FrozenDictionary<string, EmbeddingModelAnswers>.Empty;

    public IReadOnlyCollection<string> Names => Volatile.Read(ref _models).Keys;

    /// <summary>Offers these models from now on; a request under way ends with the one that it began with.</summary>
    public void Offer(IEnumerable<string> names) =>
        Volatile.Write(ref _models, names.ToFrozenDictionary(static name => name, name => new EmbeddingModelAnswers(name, service, keys), StringComparer.Ordinal));

    public IServedModel? Find(string name) => Volatile.Read(ref _models).GetValueOrDefault(name);
}

/// <summary>One embedding model.</summary>
internal sealed class EmbeddingModelAnswers(string name, EmbeddingService service, KeyStates keys) : IServedModel
{
    /// <summary>Names the model that made the vectors; vectors of two revisions must not be compared.</summary>
    public const string RevisionHeader = "x-weir-embedding-revision";

    private static readonly IReadOnlyList<Operation> Served = [Operation.Embeddings];

    private readonly JsonEncodedText _encoded = JsonEncodedText.Encode(name);
    // Of the revision that answered last: it seldom changes.
    private KeyValuePair<string, string>[] _revision = [new(RevisionHeader, "")];
    private readonly string _deployment = $"{InferenceReport.OwnProvider}/{name}";

    public string Name => name;

    public string Kind => "an embedding model";

    public IReadOnlyList<Operation> Operations => Served;

    public async ValueTask<InferenceError?> ServeAsync(InferenceRequest request, IAnswer answer, InferenceReport report, CancellationToken clientGone)
    {
        if (EmbeddingsBody.Read(request.Body, out var fault) is not { } body)
        {
            return fault;
        }

        Action<int, double>? owes = request.Client is { } key ? (tokens, cost) => KeyEmbeddingAccount.Owe(keys.Of(key), name, tokens, cost) : null;
        var result = await service.EmbedAsync(
            new EmbeddingRequest
            {
                Model = name,
                Inputs = body.Inputs,
                Dimensions = body.Dimensions,
                Asker = new EmbeddingAsker(request.Tenant, request.Client ?? request.Tenant)
                {
                    Priority = request.Priority,
                    IsBackground = request.IsBackground,
                    Timeout = request.Timeout,
                    Owes = owes,
                },
            },
            clientGone).ConfigureAwait(false);
        if (result.Error is { } error)
        {
            if (result.PaidTokens > 0 || result.Cost > 0)
            {
                owes?.Invoke(result.PaidTokens, result.Cost);
            }

            return error.ToInferenceError();
        }

        // What was known already, or what somebody else waits for too, was paid for once.
        var usage = result.PaidTokens > 0 ? new TokenUsage(result.PaidTokens, 0) : default(TokenUsage?);
        report.Served(_deployment, name, usage, result.Cost, OutcomeOf(result, body.Inputs.Count), isPassedOn: result.IsOfProvider);
        await EmbeddingsWriter.WriteAsync(result, body.IsBase64, _encoded, HeadersOf(result), report, answer, clientGone).ConfigureAwait(false);
        return null;
    }

    private KeyValuePair<string, string>[] HeadersOf(EmbeddingResult result)
    {
        var headers = Volatile.Read(ref _revision);
        if (headers[0].Value != result.Revision)
        {
            headers = [new(RevisionHeader, result.Revision)];
            Volatile.Write(ref _revision, headers);
        }

        return headers;
    }

    private static CacheOutcome OutcomeOf(EmbeddingResult result, int inputs) =>
        result.Hits == inputs ? CacheOutcome.Hit
        : result.Hits + result.Joined == inputs ? CacheOutcome.Coalesced
        : CacheOutcome.Miss;
}
