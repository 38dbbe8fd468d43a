using System.Text.Json;
using System.Text.RegularExpressions;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Serving;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Filters;
using Weir.State;

namespace Weir.Retrieval.Collections;

/// <summary>Who asks for something of a collection.</summary>
/// <param name="Tenant">Whose collections are looked at; those that all share come after them.</param>
/// <param name="IsAdmin">May change what all share.</param>
public sealed record CollectionScope(string Tenant, bool IsAdmin);

/// <summary>
/// Collections of documents that are found by meaning and by words. Everything is stored before it is acknowledged; each replica builds the indexes
/// that it is asked for.
/// </summary>
public sealed partial class KnowledgeCollections
{
    private readonly CollectionDefinitions _definitions;
    private readonly CollectionDirectory _directory;
    private readonly CollectionSearch _search;
    private readonly IndexShelf _shelf;
    private readonly EmbeddingService _embeddings;
    private readonly CollectionLimits _limits;
    private readonly DocumentReaders _readers;
    private readonly CollectionMetrics _metrics;
    private readonly TimeProvider _time;

    internal KnowledgeCollections(
        CollectionDefinitions definitions, CollectionDirectory directory, CollectionSearch search, IndexShelf shelf, EmbeddingService embeddings, CollectionLimits limits,
        CollectionMetrics metrics, TimeProvider time)
    {
        (_definitions, _directory, _search, _shelf, _embeddings, _limits) = (definitions, directory, search, shelf, embeddings, limits);
        _readers = new DocumentReaders(limits);
        (_metrics, _time) = (metrics, time);
        metrics.Observe(() => _directory.Collections.Values.Select(stored => View(stored.Value)).Where(view => view.Documents is not null));
    }

    public CollectionLimits Limits => _limits;

    internal DocumentReaders Readers => _readers;

    public static bool IsName(string name) => Name().IsMatch(name);

    /// <summary>What is wrong with a filter, for whoever keeps it for later searches. Null: nothing.</summary>
    public static RetrievalError? FaultOf(JsonElement filter) => MetadataFilter.TryParse(filter, out _, out var error) ? null : error;

    /// <summary>Makes a collection, or changes one; what is null stays as it is, or is the default.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async ValueTask<CollectionAnswer<CollectionView>> PutAsync(CollectionScope scope, string name, CollectionChange change, CancellationToken cancellationToken)
    {
        if (!IsName(name))
            return CollectionErrors.Name();
        if (change.Global && !scope.IsAdmin)
            return CollectionErrors.GlobalReadOnly(name);
        var tenant = change.Global ? null : scope.Tenant;
        var stored = await _definitions.ReadAsync(tenant, name, cancellationToken).ConfigureAwait(false);
        var record = Changed(stored?.Value, tenant, name, change);
        if (Fault(record) is { } fault)
            return fault;
        if (stored is null && tenant is not null
            && await _definitions.CountAsync(tenant, _limits.CollectionsOfTenant, cancellationToken).ConfigureAwait(false) >= _limits.CollectionsOfTenant)
        {
            return CollectionErrors.TooMany(_limits.CollectionsOfTenant);
        }

        if (record != stored?.Value)
        {
            if (await _definitions.PutAsync(record, stored?.Version ?? 0, cancellationToken).ConfigureAwait(false) is not { } revision)
                return CollectionErrors.Conflict(name);
            await _directory.SeenAsync(all => all.GetValueOrDefault(record.Key)?.Version >= revision, _limits.SeenWithin, cancellationToken).ConfigureAwait(false);
        }

        return new CollectionAnswer<CollectionView>(View(record), null) { IsNew = stored is null };
    }

    /// <summary>Those of the tenant and those that all share, by name.</summary>
    /// <exception cref="StoreUnavailableException">The store is away and has never answered.</exception>
    public IReadOnlyList<CollectionView> List(CollectionScope scope)
    {
        if (!_directory.IsKnown)
            throw new StoreUnavailableException("The state store has not said yet which collections there are.");
        return [.. _directory.Collections.Values.Select(stored => stored.Value)
            .Where(record => record.IsGlobal || record.Tenant == scope.Tenant)
            .OrderBy(record => record.Name, StringComparer.Ordinal).ThenBy(record => record.IsGlobal)
            .Select(View)];
    }

    /// <summary>What there is to say of all that everybody shares, for whoever watches the server.</summary>
    public IReadOnlyList<CollectionView> Global => [.. _directory.Collections.Values.Select(stored => stored.Value).Where(record => record.IsGlobal)
        .OrderBy(record => record.Name, StringComparer.Ordinal).Select(View)];

    /// <summary>One collection; its index is built for it, and a moment is waited for the counts.</summary>
    public async ValueTask<CollectionAnswer<CollectionView>> GetAsync(CollectionScope scope, string name, CancellationToken cancellationToken) =>
        await LookAsync((await FindAsync(scope, name, cancellationToken).ConfigureAwait(false))?.Value, name, cancellationToken).ConfigureAwait(false);

    /// <summary>The one that a search would find: as this replica knows it, and from the store only where it knows of none.</summary>
    public async ValueTask<CollectionAnswer<CollectionView>> LookAsync(CollectionScope scope, string name, CancellationToken cancellationToken) =>
        await LookAsync(await FindSearchedAsync(scope, name, cancellationToken).ConfigureAwait(false), name, cancellationToken).ConfigureAwait(false);

    private async ValueTask<CollectionAnswer<CollectionView>> LookAsync(CollectionRecord? record, string name, CancellationToken cancellationToken)
    {
        if (record is null)
            return CollectionErrors.NotFound(name);
        var (lease, _) = await _shelf.AcquireAsync(record).ConfigureAwait(false);
        using (lease)
        {
            if (lease is not null)
                await lease.Index.WhenAsync(0, TimeSpan.FromSeconds(2), cancellationToken).ConfigureAwait(false);
        }

        return new CollectionAnswer<CollectionView>(View(record), null);
    }

    /// <summary>From its answer on nobody finds it; its bytes are removed afterwards.</summary>
    public async ValueTask<RetrievalError?> DeleteAsync(CollectionScope scope, string name, CancellationToken cancellationToken)
    {
        var (found, error) = await WritableAsync(scope, name, cancellationToken).ConfigureAwait(false);
        if (found is null)
            return error;
        if (await _definitions.DeleteAsync(found, cancellationToken).ConfigureAwait(false) is null)
            return CollectionErrors.Conflict(name);
        await _directory.SeenAsync(all => all.GetValueOrDefault(found.Value.Key)?.Value.Id != found.Value.Id, _limits.SeenWithin, cancellationToken).ConfigureAwait(false);
        return null;
    }

    /// <summary>Finds chunks.</summary>
    /// <param name="scope">Who asks.</param>
    /// <param name="name">In which collection.</param>
    /// <param name="request">For what.</param>
    /// <param name="asker">For whom the query is embedded.</param>
    /// <param name="within">How long an index that is being built is waited for.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async ValueTask<CollectionSearchResult> SearchAsync(
        CollectionScope scope, string name, CollectionSearchRequest request, EmbeddingAsker asker, TimeSpan within, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var result = await FindChunksAsync(scope, name, request, asker, within, cancellationToken).ConfigureAwait(false);
        var isGlobal = _directory.Find(scope.Tenant, name) is null && _directory.Find(null, name) is not null;
        _metrics.Searched(name, isGlobal, request.Mode, result.Error, _time.GetElapsedTime(started));
        return result;
    }

    private async ValueTask<CollectionSearchResult> FindChunksAsync(
        CollectionScope scope, string name, CollectionSearchRequest request, EmbeddingAsker asker, TimeSpan within, CancellationToken cancellationToken)
    {
        if (CollectionSearch.Check(request, out var filter) is { } wrong)
            return new CollectionSearchResult([], wrong);
        // Searches go by what is known here, also while the store is away; it is asked only for what is not.
        var record = await FindSearchedAsync(scope, name, cancellationToken).ConfigureAwait(false);
        if (record is null)
            return new CollectionSearchResult([], CollectionErrors.NotFound(name));
        if (asker.Account?.Check(record.EmbeddingModel) is { } barred)
            return new CollectionSearchResult([], barred);
        var (lease, busy) = await _shelf.AcquireAsync(record).ConfigureAwait(false);
        using (lease)
        {
            if (lease is null)
                return new CollectionSearchResult([], busy);
            while (await lease.Index.WhenAsync(0, within, cancellationToken).ConfigureAwait(false) is { } view)
            {
                try
                {
                    return await _search.SearchAsync(record, view, request, filter, asker, cancellationToken).ConfigureAwait(false);
                }
                catch (ObjectDisposedException) when (lease.Index.View != view)
                {
                    // While the query was embedded, a shape came to hold nothing, or the index was built anew: the newer view is searched.
                }
            }

            return new CollectionSearchResult([], lease.Index.IsTooLarge ? CollectionErrors.TooLarge(name, _limits.IndexBytes) : CollectionErrors.Loading(name, TimeSpan.FromSeconds(2)));
        }
    }

    // The store is asked, so that what another replica made a moment ago is found.
    internal async ValueTask<StoredCollection?> FindAsync(CollectionScope scope, string name, CancellationToken cancellationToken) =>
        !IsName(name) ? null
        : await _definitions.ReadAsync(scope.Tenant, name, cancellationToken).ConfigureAwait(false)
            ?? await _definitions.ReadAsync(null, name, cancellationToken).ConfigureAwait(false);

    private async ValueTask<CollectionRecord?> FindSearchedAsync(CollectionScope scope, string name, CancellationToken cancellationToken) =>
        _directory.Find(scope.Tenant, name) ?? _directory.Find(null, name) ?? (await FindAsync(scope, name, cancellationToken).ConfigureAwait(false))?.Value;

    internal async ValueTask<(StoredCollection? Collection, RetrievalError? Error)> WritableAsync(CollectionScope scope, string name, CancellationToken cancellationToken) =>
        await FindAsync(scope, name, cancellationToken).ConfigureAwait(false) is not { } found ? (null, CollectionErrors.NotFound(name))
        : found.Value.IsGlobal && !scope.IsAdmin ? (null, CollectionErrors.GlobalReadOnly(name))
        : (found, null);

    // After it a search here finds what was stored; an index that is not in memory reads it when it is built.
    internal async ValueTask SeenAsync(CollectionRecord collection, long revision, CancellationToken cancellationToken)
    {
        if (revision > 0 && _shelf.Find(collection.Id) is { } index)
            await index.WhenAsync(revision, _limits.SeenWithin, cancellationToken).ConfigureAwait(false);
    }

    internal CollectionView View(CollectionRecord record)
    {
        var view = CollectionView.Of(record, _shelf.Find(record.Id));
        return _embeddings.Has(record.EmbeddingModel)
            ? view
            : view with { State = "degraded", Detail = string.Join(' ', new[] { view.Detail, CollectionErrors.ModelMissing(record.Name, record.EmbeddingModel).Message }.OfType<string>()) };
    }

    private CollectionRecord Changed(CollectionRecord? record, string? tenant, string name, CollectionChange change)
    {
        record ??= new CollectionRecord
        {
            Id = Guid.CreateVersion7(_definitions.Store.Clock.Now).ToString("N"),
            Name = name,
            Tenant = tenant,
            EmbeddingModel = "default",
            Chunk = new CollectionChunkOptions(),
            Weights = new CollectionWeightsOptions(),
            Created = _definitions.Store.Clock.Now,
        };
        return record with
        {
            EmbeddingModel = change.EmbeddingModel ?? record.EmbeddingModel,
            Chunk = change.Chunk?.Of(record.Chunk) ?? record.Chunk,
            Weights = change.Weights?.Of(record.Weights) ?? record.Weights,
        };
    }

    private RetrievalError? Fault(CollectionRecord record)
    {
        if (!_embeddings.Has(record.EmbeddingModel))
            return new RetrievalError(422, "model_not_found", $"There is no embedding model '{record.EmbeddingModel}' here; there are {string.Join(", ", _embeddings.Models.Order(StringComparer.Ordinal))}.") { Param = "embedding_model" };
        if (record.Chunk.Tokens is < 16 or > 8192)
            return new RetrievalError(422, "invalid_value", "chunk.tokens must be from 16 to 8192.") { Param = "chunk.tokens" };
        if (record.Chunk.Overlap < 0 || record.Chunk.Overlap > record.Chunk.Tokens / 2)
            return new RetrievalError(422, "invalid_value", "chunk.overlap must be from 0 to half of chunk.tokens.") { Param = "chunk.overlap" };
        return record.Weights is { Dense: >= 0 and <= 1, Sparse: >= 0 and <= 1 } weights && weights.Dense + weights.Sparse > 0
            ? null
            : new RetrievalError(422, "invalid_value", "weights.dense and weights.sparse must be from 0 to 1, and not both 0.") { Param = "weights" };
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z")]
    private static partial Regex Name();
}
