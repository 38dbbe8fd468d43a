using System.Text.Json;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Searching;
using Weir.Retrieval.Catalogs.Serving;
using Weir.Retrieval.Embedding;
using Weir.State;

namespace Weir.Retrieval.Catalogs;

/// <summary>
/// Catalogs of tools: each a tenant's own, or everybody's. A tenant's own is found before everybody's of the same name; of another tenant's nobody learns that it
/// exists. Where the store is away, what is loaded keeps answering, and changes throw <see cref="StoreUnavailableException"/>.
/// </summary>
public sealed class ToolCatalogs
{
    private const int LongestQuery = 4_000;
    private const int MostResults = 100;
    private static readonly TimeSpan QueryWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan KnownWithin = TimeSpan.FromSeconds(5);

    private readonly CatalogDirectory _directory;
    private readonly CatalogIndexer _indexer;
    private readonly CatalogWriter _writer;
    private readonly CatalogEditor _editor;
    private readonly EmbeddingService _embeddings;
    private readonly CatalogMetrics _metrics;
    private readonly CatalogLimits _limits;
    private readonly TimeProvider _time;

    internal ToolCatalogs(
        CatalogDirectory directory, CatalogIndexer indexer, CatalogWriter writer, CatalogEditor editor, EmbeddingService embeddings, CatalogMetrics metrics, CatalogLimits limits, TimeProvider time) =>
        (_directory, _indexer, _writer, _editor, _embeddings, _metrics, _limits, _time) = (directory, indexer, writer, editor, embeddings, metrics, limits, time);

    /// <summary>Everybody's catalogs: for readiness, which names no tenant's.</summary>
    public IReadOnlyList<CatalogView> Everybodys => [.. Views(state => state.Entry is { Record.Tenant: null })];

    /// <summary>The caller's own and everybody's, by name.</summary>
    public async ValueTask<IReadOnlyList<CatalogView>> ListAsync(CatalogCaller caller, CancellationToken cancellationToken = default)
    {
        await KnownAsync(cancellationToken).ConfigureAwait(false);
        return [.. Views(state => state.Entry is { } entry && (entry.Record.Tenant is null || entry.Record.Tenant == caller.Tenant)).Select(view => view.For(caller))];
    }

    public async ValueTask<(CatalogView? View, RetrievalError? Error)> FindAsync(CatalogCaller caller, string name, CancellationToken cancellationToken = default) =>
        await StateAsync(caller, name, cancellationToken).ConfigureAwait(false) is { } state && ViewOf(state) is { } view
            ? (view.For(caller), null)
            : (null, CatalogErrors.NoCatalog(name));

    /// <summary>Makes a catalog, or changes one, whole: nobody sees half of it. Returns once it is stored, and usually once searches answer from it.</summary>
    public async ValueTask<(CatalogView? View, RetrievalError? Error)> PutAsync(CatalogCaller caller, string name, CatalogChange change, CancellationToken cancellationToken = default)
    {
        if (change.EmbeddingModel is { } wanted && caller.Account?.Check(wanted) is { } barred)
            return (null, barred);
        if (change.EmbeddingModel is { } model && !_embeddings.Has(model))
            return (null, CatalogErrors.NoModel(model));
        await KnownAsync(cancellationToken).ConfigureAwait(false);
        var (entry, error) = await _writer.PutAsync(caller, name, change, cancellationToken).ConfigureAwait(false);
        return entry is null ? (null, error) : await ChangedAsync(entry, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Adds tools to a catalog that was given as a list, each in the place of the one of its name; makes the catalog where there is none.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="name">The catalog.</param>
    /// <param name="tools">A list of tools.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async ValueTask<(CatalogView? View, RetrievalError? Error)> UpsertAsync(CatalogCaller caller, string name, JsonElement tools, CancellationToken cancellationToken = default)
    {
        await KnownAsync(cancellationToken).ConfigureAwait(false);
        var (entry, error) = await _editor.UpsertAsync(caller, name, tools, cancellationToken).ConfigureAwait(false);
        return entry is null ? (null, error) : await ChangedAsync(entry, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes one tool out of a catalog that was given as a list.</summary>
    /// <returns>Null: it is gone.</returns>
    public async ValueTask<RetrievalError?> DeleteToolAsync(CatalogCaller caller, string name, string tool, CancellationToken cancellationToken = default)
    {
        if (await StateAsync(caller, name, cancellationToken).ConfigureAwait(false) is null)
            return CatalogErrors.NoCatalog(name);
        var (entry, error) = await _editor.RemoveAsync(caller, name, tool, cancellationToken).ConfigureAwait(false);
        if (entry is null)
            return error;
        await ChangedAsync(entry, cancellationToken).ConfigureAwait(false);
        return null;
    }

    /// <returns>Null: it is gone.</returns>
    public async ValueTask<RetrievalError?> DeleteAsync(CatalogCaller caller, string name, CancellationToken cancellationToken = default)
    {
        if (await StateAsync(caller, name, cancellationToken).ConfigureAwait(false) is not { Entry: { } entry })
            return CatalogErrors.NoCatalog(name);
        if (await _writer.DeleteAsync(caller, entry, cancellationToken).ConfigureAwait(false) is { } error)
            return error;
        _directory.Removed(entry.Key);
        return null;
    }

    /// <param name="caller">Who asks.</param>
    /// <param name="name">The catalog.</param>
    /// <param name="after">The name of the last tool of the page before. Null: from the first.</param>
    /// <param name="limit">1 to 1,000.</param>
    /// <param name="category">Only these. Null: all.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async ValueTask<(ToolPage? Page, RetrievalError? Error)> ToolsAsync(
        CatalogCaller caller, string name, string? after, int limit, string? category, CancellationToken cancellationToken = default)
    {
        var (index, error) = await IndexAsync(caller, name, cancellationToken).ConfigureAwait(false);
        if (index is null)
            return (null, error);
        var from = 0;
        if (after is not null && !index.TryFind(after, out from))
            return (null, CatalogErrors.Invalid("after", "is no tool of the catalog any more: begin again without it"));
        var filter = FilterOf(category);
        var found = index.Tools.Skip(after is null ? 0 : from + 1).Where(tool => filter is null || filter(tool)).Take(limit + 1).ToList();
        var hasMore = found.Count > limit;
        if (hasMore)
            found.RemoveAt(limit);
        return (new ToolPage(found, hasMore, hasMore ? found[^1].Name : null, index.Entry.Version), null);
    }

    public async ValueTask<(ToolDefinition? Tool, RetrievalError? Error)> ToolAsync(CatalogCaller caller, string name, string tool, CancellationToken cancellationToken = default)
    {
        var (index, error) = await IndexAsync(caller, name, cancellationToken).ConfigureAwait(false);
        return index is null ? (null, error) : index.TryFind(tool, out var at) ? (index.Tools[at], null) : (null, CatalogErrors.NoTool(name, tool));
    }

    public async ValueTask<(ToolResults? Results, RetrievalError? Error)> SearchAsync(CatalogCaller caller, string name, ToolQuery query, CancellationToken cancellationToken = default)
    {
        if (FaultOf(query) is { } fault)
            return (null, fault);
        var (index, error) = await IndexAsync(caller, name, cancellationToken).ConfigureAwait(false);
        error ??= caller.Account?.Check(index!.Entry.Record.EmbeddingModel);
        if (index is null || error is not null)
            return (null, error);
        var began = _time.GetTimestamp();
        var asker = new EmbeddingAsker(caller.Tenant, caller.Client) { Timeout = QueryWithin, Account = caller.Account };
        var (vector, missing, isOutdated) = await _indexer.EmbedAsync(index, query.Query, asker, cancellationToken).ConfigureAwait(false);
        if (isOutdated)
            _directory.Outdated(index);
        var found = ToolRanking.Search(index, query.Query, vector.Span, FilterOf(query.Category), query.TopK, query.MinScore);
        var words = QueryWords.Of(query.Query);
        var results = new ToolResults([.. found.Select(hit => ResultOf(index, hit, words, query.Include))], index.Entry.Version) { Note = NoteOf(missing) };
        _metrics.Searched(_time.GetElapsedTime(began), withVectors: missing is null);
        return (results, null);
    }

    public async ValueTask<(ToolResults? Results, RetrievalError? Error)> SimilarAsync(
        CatalogCaller caller, string name, string tool, int topK, bool sameCategory, CancellationToken cancellationToken = default)
    {
        if (topK is < 1 or > MostResults)
            return (null, CatalogErrors.Invalid("top_k", $"must be from 1 to {MostResults}"));
        var (index, error) = await IndexAsync(caller, name, cancellationToken).ConfigureAwait(false);
        if (index is null)
            return (null, error);
        if (!index.TryFind(tool, out var at))
            return (null, CatalogErrors.NoTool(name, tool));
        var own = index.Tools[at];
        var filter = sameCategory ? other => string.Equals(other.Category, own.Category, StringComparison.OrdinalIgnoreCase) : default(Func<ToolDefinition, bool>);
        var words = Enum.GetValues<ToolField>().SelectMany(field => ToolWords.Of(ToolFields.Of(own, field))).DistinctBy(word => word.Term).ToList();
        var found = ToolRanking.Similar(index, at, filter, topK);
        return (new ToolResults([.. found.Select(hit => ResultOf(index, hit, words, null))], index.Entry.Version) { Note = NoteOf(index.VectorsMissing) }, null);
    }

    private static RetrievalError? FaultOf(ToolQuery query) =>
        string.IsNullOrWhiteSpace(query.Query) ? CatalogErrors.Invalid("query", "is empty: say in words what the tool should do")
        : query.Query.Length > LongestQuery ? CatalogErrors.Invalid("query", $"has {query.Query.Length} characters; at most {LongestQuery} are allowed")
        : query.TopK is < 1 or > MostResults ? CatalogErrors.Invalid("top_k", $"must be from 1 to {MostResults}")
        : query.MinScore is not (>= 0 and <= 1) ? CatalogErrors.Invalid("min_score", "must be from 0 to 1")
        : query.Include?.FirstOrDefault(part => part is not ("description" or "parameters")) is not null ? CatalogErrors.Invalid("include", "may hold \"description\" and \"parameters\"")
        : null;

    private static ToolResult ResultOf(ToolIndex index, in RankedTool hit, IReadOnlyList<ToolWord> words, IReadOnlyList<string>? include)
    {
        var tool = index.Tools[hit.Tool];
        return new ToolResult
        {
            Name = tool.Name,
            Score = Math.Round(hit.Score, 4),
            Category = tool.Category,
            Protocol = tool.Protocol,
            Reason = ToolReason.Of(index, hit, words),
            Description = include?.Contains("description") == true ? tool.Description : null,
            Parameters = include?.Contains("parameters") == true ? tool.Parameters : null,
        };
    }

    private static Func<ToolDefinition, bool>? FilterOf(string? category) =>
        category is null ? null : tool => string.Equals(tool.Category, category, StringComparison.OrdinalIgnoreCase);

    private static string? NoteOf(string? missing) => missing is null ? null : $"Words alone decide: {missing}";

    private async ValueTask<(CatalogView? View, RetrievalError? Error)> ChangedAsync(CatalogEntry entry, CancellationToken cancellationToken)
    {
        var state = _directory.Put(entry);
        state.Use();
        await WithinAsync(_directory.IndexAsync(state), cancellationToken).ConfigureAwait(false);
        return ViewOf(state) is { } view ? (view, null) : (null, CatalogErrors.NoCatalog(entry.Record.Name));
    }

    /// <summary>The version that answers now; built first where there is none.</summary>
    private async ValueTask<(ToolIndex? Index, RetrievalError? Error)> IndexAsync(CatalogCaller caller, string name, CancellationToken cancellationToken)
    {
        if (await StateAsync(caller, name, cancellationToken).ConfigureAwait(false) is not { } state)
            return (null, CatalogErrors.NoCatalog(name));
        state.Use();
        if (state.Index is { } ready)
            return (ready, null);
        await WithinAsync(_directory.IndexAsync(state), cancellationToken).ConfigureAwait(false);
        return state.Index is { } built ? (built, null) : (null, state.Entry is null ? CatalogErrors.NoCatalog(name) : CatalogErrors.NotIndexed);
    }

    private async ValueTask<CatalogState?> StateAsync(CatalogCaller caller, string name, CancellationToken cancellationToken)
    {
        if (!CatalogWriter.IsName(name))
            return null;
        await KnownAsync(cancellationToken).ConfigureAwait(false);
        return _directory.Find(CatalogDocuments.KeyOf(caller.Tenant, name)) ?? _directory.Find(CatalogDocuments.KeyOf(null, name));
    }

    private async ValueTask KnownAsync(CancellationToken cancellationToken)
    {
        if (_directory.Known.IsCompleted)
            return;
        try
        {
            await _directory.Known.WaitAsync(KnownWithin, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new StoreUnavailableException("The state store has not yet told which catalogs there are.");
        }
    }

    private async ValueTask WithinAsync(Task indexing, CancellationToken cancellationToken)
    {
        try
        {
            await indexing.WaitAsync(_limits.IndexWithin, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // It goes on without us.
        }
    }

    private IEnumerable<CatalogView> Views(Func<CatalogState, bool> filter) =>
        _directory.All.Where(filter).Select(ViewOf).OfType<CatalogView>().OrderBy(view => view.Name, StringComparer.Ordinal).ThenBy(view => view.Global);

    private static CatalogView? ViewOf(CatalogState state)
    {
        if (state.Entry is not { Record: var record } entry)
            return null;
        var index = state.Index;
        return new CatalogView
        {
            Name = record.Name,
            Global = record.Tenant is null,
            Version = entry.Version,
            Indexed = index?.Entry.Version,
            State = index?.Entry.Version == entry.Version ? "ready" : index is not null || record.Tenant is null || state.IsBuilding ? "indexing" : "idle",
            Tools = record.Count,
            EmbeddingModel = record.EmbeddingModel,
            Weights = record.Weights,
            Note = NoteOf(index?.VectorsMissing),
            UpdatedAt = record.UpdatedAt,
            Sources = record.Sources.Count == 0 ? null : [.. record.Sources.Select(source => SourceOf(source, state.Status is { } status && status.Id == record.Id ? status : null))],
        };
    }

    private static CatalogSourceView SourceOf(McpSource source, CatalogStatusRecord? status)
    {
        var known = status?.Sources.FirstOrDefault(other => other.Name == source.Name) ?? new McpSourceStatus { Name = source.Name, State = McpSourceState.Connecting };
        var url = source.Url is { } address ? new Uri(address).GetLeftPart(UriPartial.Path) : null;
        return new CatalogSourceView(source.Name, source.Command, url, known.State, known.Error, known.Tools, known.RefreshedAt, known.Notes.Count == 0 ? null : known.Notes);
    }
}
