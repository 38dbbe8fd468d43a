using System.Text.RegularExpressions;
using Weir.Retrieval.Embedding.Caching;
using Weir.Retrieval.Embedding.Counting;
using Weir.Retrieval.Models.Hashing;

namespace Weir.Retrieval.Embedding;

/// <content>For a person who wonders why.</content>
public sealed partial class EmbeddingService
{
    private const string ProviderCounts = "The provider cuts the text with a tokenizer of its own, which is not known here: token_count is an estimate.";

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

    /// <summary>Every configured model and how it is, by name.</summary>
    public IReadOnlyList<EmbeddingModelInfo> DescribeModels() => _models.Describe();

    /// <summary>What is known of one text under one model; nothing is embedded for it.</summary>
    /// <param name="model">The name of a model.</param>
    /// <param name="text">The exact text.</param>
    /// <param name="asker">Whose calls are told: its tenant's, and nobody else's.</param>
    /// <param name="ofEverybody">Whether it is told of each client of each tenant who called; for admins alone.</param>
    /// <param name="dimensions">As requests have it; null: all of the model's.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async ValueTask<(EmbeddingExplanation? Explanation, RetrievalError? Error)> ExplainAsync(
        string model, string text, EmbeddingAsker asker, int? dimensions = null, bool ofEverybody = false, CancellationToken cancellationToken = default)
    {
        var (held, error) = await _models.HoldAsync(model, cancellationToken);
        if (held is null)
            return (null, error);
        try
        {
            var input = EmbeddingInput.OfText(text);
            var isRouted = held.Options.Kind == EmbeddingModelKind.Route;
            var request = new EmbeddingRequest { Model = model, Inputs = [input], Dimensions = dimensions, Asker = asker };
            if (InputChecks.Fault(held.Model, isRouted, request) is { } fault)
                return (null, fault);
            var key = held.Keys.Of(dimensions ?? (isRouted ? 0 : held.Model.Dimensions), input);
            var length = dimensions ?? held.Model.Dimensions;
            var inMemory = _cache.Contains(key);
            var stored = await StoredAsync(key, length, EmbeddingSettings.Of(held.Options, _cacheOptions), cancellationToken);
            var tokens = TokensOf(held.Model, text);
            var callers = _calls.Find(key);
            return (
                new EmbeddingExplanation
                {
                    Model = model,
                    Revision = held.Model.Revision,
                    Dimensions = length > 0 ? length : null,
                    TokenCount = tokens?.Count ?? TokenEstimate.Of(input),
                    Tokens = tokens is null ? null : [.. tokens.Take(EmbeddingExplanation.MostTokens).Select(id => new ExplainedToken(id, held.Model.Tokenizer!.TokenOf(id)))],
                    Cached = inMemory ? CachedWhere.Memory : stored == StoredState.Present ? CachedWhere.Store : CachedWhere.Absent,
                    Stored = stored,
                    InFlight = _flights.Contains(key),
                    Words = held.Model is HashingModel ? HashingModel.WordsOf(input, EmbeddingExplanation.MostTokens) : null,
                    Note = isRouted ? ProviderCounts : null,
                    Calls = CallsOf(asker.Tenant, callers),
                    Callers = ofEverybody ? [.. callers.Take(EmbeddingExplanation.MostCallers)] : null,
                },
                null);
        }
        catch (RegexMatchTimeoutException)
        {
            return (null, EmbeddingErrors.TooTangled(model));
        }
        finally
        {
            held.Release();
        }
    }

    private async ValueTask<StoredState> StoredAsync(VectorKey key, int dimensions, EmbeddingSettings settings, CancellationToken cancellationToken)
    {
        if (!settings.Persist || !_stored.Exists)
            return StoredState.Off;
        var found = await _stored.FindAsync([key], dimensions, settings.Precision, cancellationToken);
        return found[0] is not null ? StoredState.Present : _stored.IsResting ? StoredState.Unknown : StoredState.Absent;
    }

    private static ExplainedCalls? CallsOf(string tenant, IReadOnlyList<ExplainedCaller> callers)
    {
        var own = callers.Where(caller => caller.Tenant == tenant).ToArray();
        return own.Length == 0 ? null : new ExplainedCalls(own.Sum(caller => caller.Count), own.Min(caller => caller.First), own.Max(caller => caller.Last));
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
