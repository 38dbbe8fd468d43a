using System.Text.Json;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>
/// Changes single tools of a catalog that was given as a list: reads the newest list, edits it and commits it whole, as long as nobody else was faster. Edits of
/// one catalog on this replica take turns, so that many at once do not all lose to one.
/// </summary>
internal sealed class CatalogEditor(CatalogDocuments documents, ToolBlobs blobs, CatalogWriter writer, CatalogLimits limits) : IDisposable
{
    private const int MostTries = 20;

    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 16).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Adds tools, each in the place of the one of its name, or at the end; makes the catalog where there is none.</summary>
    public ValueTask<(CatalogEntry? Entry, RetrievalError? Error)> UpsertAsync(CatalogCaller caller, string name, JsonElement list, CancellationToken cancellationToken)
    {
        if (!CatalogWriter.IsName(name))
            return new((null, CatalogErrors.BadName));
        var given = new ToolListReader(limits).Read(list, "tools", out var wrong);
        return wrong is not null ? new((null, wrong)) : EditAsync(caller, name, tools => Upserted(tools ?? [], given), cancellationToken);
    }

    /// <summary>Takes one tool away.</summary>
    public ValueTask<(CatalogEntry? Entry, RetrievalError? Error)> RemoveAsync(CatalogCaller caller, string name, string tool, CancellationToken cancellationToken) =>
        EditAsync(caller, name, tools => tools is null ? (null, CatalogErrors.NoCatalog(name))
            : tools.Any(known => known.Name == tool) ? ([.. tools.Where(known => known.Name != tool)], null)
            : (null, CatalogErrors.NoTool(name, tool)), cancellationToken);

    public void Dispose() => Array.ForEach(_turns, turn => turn.Dispose());

    private async ValueTask<(CatalogEntry? Entry, RetrievalError? Error)> EditAsync(
        CatalogCaller caller, string name, Func<IReadOnlyList<ToolDefinition>?, (IReadOnlyList<ToolDefinition>? Tools, RetrievalError? Error)> edit, CancellationToken cancellationToken)
    {
        var turn = _turns[(uint)string.GetHashCode(name, StringComparison.Ordinal) % _turns.Length];
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            for (var tries = 0; tries < MostTries; tries++)
            {
                var before = await documents.ReadAsync(CatalogDocuments.KeyOf(caller.Tenant, name), cancellationToken).ConfigureAwait(false)
                    ?? await documents.ReadAsync(CatalogDocuments.KeyOf(null, name), cancellationToken).ConfigureAwait(false);
                if (before is { Record.Tenant: null } && !caller.IsAdmin)
                    return (null, CatalogErrors.GlobalIsAdmins(name));
                if (before?.Record.Sources.Count > 0)
                    return (null, CatalogErrors.OfServers(name));
                // A list that is gone was replaced meanwhile: what replaced it is read next.
                var tools = before is null ? null : await blobs.ReadAsync(before.Record.Blob, cancellationToken).ConfigureAwait(false);
                if (before is not null && tools is null)
                    continue;
                var (edited, error) = edit(tools);
                if (edited is null)
                    return (null, error);
                var (entry, refused) = await writer.TryReplaceAsync(caller, name, before, edited, cancellationToken).ConfigureAwait(false);
                if (entry is not null || refused is not null)
                    return (entry, refused);
            }

            return (null, CatalogErrors.Busy);
        }
        finally
        {
            turn.Release();
        }
    }

    private (IReadOnlyList<ToolDefinition>? Tools, RetrievalError? Error) Upserted(IReadOnlyList<ToolDefinition> tools, IReadOnlyList<ToolDefinition> given)
    {
        var edited = tools.ToList();
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < edited.Count; i++)
            places[edited[i].Name] = i;
        foreach (var tool in given)
        {
            if (places.TryGetValue(tool.Name, out var at))
                edited[at] = tool;
            else
                edited.Add(tool);
        }

        return edited.Count <= limits.Tools ? (edited, null)
            : (null, CatalogErrors.Invalid("tools", $"would make {edited.Count} tools in the catalog, which holds at most {limits.Tools}: make several catalogs"));
    }
}
