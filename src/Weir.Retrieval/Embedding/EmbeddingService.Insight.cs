using Weir.Retrieval.Embedding.Caching;
using Weir.Retrieval.Embedding.Counting;
using Weir.Retrieval.Embedding.Flights;

namespace Weir.Retrieval.Embedding;

/// <content>For a person who wonders why.</content>
public sealed partial class EmbeddingService
{
    /// <summary>What was done, and what is held now.</summary>
    public EmbeddingStats Snapshot()
    {
        var (entries, bytes, evictions) = _cache.Count();
        var writes = _stored.Writes;
        return new EmbeddingStats
        {
            Cache = new EmbeddingCacheStats
            {
                Entries = entries,
                Bytes = bytes,
                MaxBytes = _cache.MaxBytes,
                Evictions = evictions,
                Persist = _stored.Exists && _cacheOptions.Persist,
                StoreHits = _counts.StoreHits,
                StoreFaults = _stored.Faults,
                StoreCorrupt = _stored.Corrupt,
                StoreWrites = writes.Written,
                StoreDropped = writes.Dropped,
                StorePending = writes.Pending,
            },
            Inputs = _counts.Inputs,
            Hits = _counts.Hits,
            Misses = _counts.Misses,
            Coalesced = _counts.Joined,
            Unanswered = _counts.Unanswered,
            UpstreamCalls = _counts.Calls,
            InFlight = _flights.Count,
            Batches = _counts.Batches(),
            Encoders = _maker.Encoders.Count(),
            Models = _models.Describe(),
            Preload = _preload.Progress,
            Clients = _clients.ToStats(),
        };
    }

    /// <summary>What is known of one text under one model; nothing is embedded for it.</summary>
    /// <param name="model">The name of a model.</param>
    /// <param name="text">The exact text.</param>
    /// <param name="asker">Whose calls are told: its tenant's, and nobody else's.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async ValueTask<(EmbeddingExplanation? Explanation, RetrievalError? Error)> ExplainAsync(
        string model, string text, EmbeddingAsker asker, CancellationToken cancellationToken = default)
    {
        var (held, error) = await _models.HoldAsync(model, cancellationToken);
        if (held is null)
            return (null, error);
        try
        {
            var input = EmbeddingInput.OfText(text);
            var isRouted = held.Options.Kind == EmbeddingModelKind.Route;
            var key = held.Keys.Of(isRouted ? 0 : held.Model.Dimensions, input);
            var tokens = TokensOf(held.Model, text);
            return (
                new EmbeddingExplanation
                {
                    Model = model,
                    Revision = held.Model.Revision,
                    Dimensions = held.Model.Dimensions > 0 ? held.Model.Dimensions : null,
                    TokenCount = tokens?.Count ?? VectorMaker.CountTokens(held.Model, input),
                    Tokens = tokens is null ? null : [.. tokens.Take(EmbeddingExplanation.MostTokens).Select(id => new ExplainedToken(id, held.Model.Tokenizer!.TokenOf(id)))],
                    Cached = await WhereAsync(key, held.Model.Dimensions, EmbeddingSettings.Of(held.Options, _cacheOptions), cancellationToken),
                    InFlight = _flights.Contains(key),
                    Calls = _calls.Find(ClientCounts.TagOf(asker.Tenant), key),
                },
                null);
        }
        finally
        {
            held.Release();
        }
    }

    private async ValueTask<CachedWhere> WhereAsync(VectorKey key, int dimensions, EmbeddingSettings settings, CancellationToken cancellationToken)
    {
        if (_cache.Contains(key))
            return CachedWhere.Memory;
        if (!settings.Persist)
            return CachedWhere.Absent;
        var found = await _stored.FindAsync([key], dimensions, settings.Precision, cancellationToken);
        return found[0] is null ? CachedWhere.Absent : CachedWhere.Store;
    }

    private static List<int>? TokensOf(IEmbeddingModel model, string text)
    {
        if (model.Tokenizer is not { } tokenizer)
            return null;
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        return ids;
    }
}
