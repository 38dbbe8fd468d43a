using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Mcp;
using Weir.State;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>Decides changes of catalogs and commits them: who may, what is wrong with them, and what they replace.</summary>
internal sealed class CatalogWriter(CatalogDocuments documents, ToolBlobs blobs, CatalogDirectory directory, CatalogLimits limits, TimeProvider time)
{
    private const int MostTries = 20;

    public static bool IsName(string name) =>
        name.Length is > 0 and <= 63 && char.IsAsciiLetterOrDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <returns>The catalog as stored, or why not; an equal one is not stored again.</returns>
    public async ValueTask<(CatalogEntry? Entry, RetrievalError? Error)> PutAsync(CatalogCaller caller, string name, CatalogChange change, CancellationToken cancellationToken)
    {
        var (parts, error) = Read(caller, name, change);
        if (parts is null)
            return (null, error);
        for (var tries = 0; tries < MostTries; tries++)
        {
            var (key, tenant) = await WhereAsync(caller, name, change, cancellationToken).ConfigureAwait(false);
            var before = await documents.ReadAsync(key, cancellationToken).ConfigureAwait(false);
            if (RoomFor(tenant, before, parts) is { } full)
                return (null, full);
            var next = Changed(before?.Record ?? new CatalogRecord { Id = Guid.CreateVersion7().ToString("N"), Name = name, Tenant = tenant }, change, parts);
            if (before is not null && IsSame(before.Record, next))
                return (before, null);
            if (await CommitAsync(before, next, parts, cancellationToken).ConfigureAwait(false) is { } entry)
                return (entry, null);
        }

        return (null, CatalogErrors.Busy);
    }

    /// <summary>Puts this list in the place of the one that stood there before, if that is still the newest.</summary>
    /// <param name="caller">Who changes it, and may.</param>
    /// <param name="name">A valid name.</param>
    /// <param name="before">What the list was made from. Null: no catalog, and this makes one of the caller's.</param>
    /// <param name="tools">The whole list.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Neither: somebody was faster.</returns>
    public async ValueTask<(CatalogEntry? Entry, RetrievalError? Error)> TryReplaceAsync(
        CatalogCaller caller, string name, CatalogEntry? before, IReadOnlyList<ToolDefinition> tools, CancellationToken cancellationToken)
    {
        var (body, digest) = ToolBlobs.Encode(tools);
        if (body.Length > limits.CatalogBytes)
            return (null, CatalogErrors.Invalid("tools", $"would make {body.Length} bytes in all; a catalog may take {limits.CatalogBytes}"));
        if (before is not null && before.Record.Digest == digest)
            return (before, null);
        var parts = new Parts(tools, body, digest, null);
        if (RoomFor(caller.Tenant, before, parts) is { } full)
            return (null, full);
        var next = Changed(before?.Record ?? new CatalogRecord { Id = Guid.CreateVersion7().ToString("N"), Name = name, Tenant = caller.Tenant }, new CatalogChange(), parts);
        return (await CommitAsync(before, next, parts, cancellationToken).ConfigureAwait(false), null);
    }

    /// <returns>Null: it is gone.</returns>
    public async ValueTask<RetrievalError?> DeleteAsync(CatalogCaller caller, CatalogEntry known, CancellationToken cancellationToken)
    {
        if (known.Record.Tenant is null && !caller.IsAdmin)
            return CatalogErrors.GlobalIsAdmins(known.Record.Name);
        for (var tries = 0; tries < MostTries; tries++)
        {
            if (await documents.ReadAsync(known.Key, cancellationToken).ConfigureAwait(false) is not { } entry)
                return null;
            List<Write> writes = [new(entry.Key, entry.Version, null), .. await WithoutStatusAsync(entry.Key, cancellationToken).ConfigureAwait(false)];
            if (entry.Record.Blob is { } blob)
                writes.Add(blobs.Drop(blob));
            if (await documents.CommitAsync(writes, cancellationToken).ConfigureAwait(false) is not null)
                return null;
        }

        return CatalogErrors.Busy;
    }

    private sealed record Parts(IReadOnlyList<ToolDefinition>? Tools, byte[]? Body, string? Digest, IReadOnlyList<McpSource>? Sources);

    private (Parts? Parts, RetrievalError? Error) Read(CatalogCaller caller, string name, CatalogChange change)
    {
        if (!IsName(name))
            return (null, CatalogErrors.BadName);
        if (change.Global == true && !caller.IsAdmin)
            return (null, CatalogErrors.GlobalNeedsAdmin);
        if (change is { Tools: not null, Mcp: not null })
            return (null, CatalogErrors.Invalid("mcp", "stands beside tools: a catalog has one or the other"));
        if (change.Weights is { } weights && FaultOf(weights) is { } fault)
            return (null, fault);
        if (change.Mcp is { } mcp)
        {
            var sources = McpSourceReader.Read(mcp, "mcp", caller.IsAdmin, limits, out var error);
            return error is null ? (new Parts(null, null, null, sources), null) : (null, error);
        }

        if (change.Tools is not { } list)
            return (new Parts(null, null, null, null), null);
        var tools = new ToolListReader(limits).Read(list, "tools", out var wrong);
        if (wrong is not null)
            return (null, wrong);
        var (body, digest) = ToolBlobs.Encode(tools);
        return (new Parts(tools, body, digest, null), null);
    }

    // An admin who names no other place means everybody's catalog where only that one has the name.
    private async ValueTask<(string Key, string? Tenant)> WhereAsync(CatalogCaller caller, string name, CatalogChange change, CancellationToken cancellationToken)
    {
        var (own, everybodys) = (CatalogDocuments.KeyOf(caller.Tenant, name), CatalogDocuments.KeyOf(null, name));
        var isGlobal = change.Global ?? (caller.IsAdmin
            && await documents.ReadAsync(own, cancellationToken).ConfigureAwait(false) is null
            && await documents.ReadAsync(everybodys, cancellationToken).ConfigureAwait(false) is not null);
        return isGlobal ? (everybodys, null) : (own, caller.Tenant);
    }

    private RetrievalError? RoomFor(string? tenant, CatalogEntry? before, Parts parts)
    {
        var others = directory.All.Select(state => state.Entry).OfType<CatalogEntry>().Where(entry => entry.Record.Tenant == tenant && entry.Key != before?.Key).ToList();
        if (before is null && others.Count >= limits.Catalogs)
            return CatalogErrors.TooMany(limits.Catalogs);
        var sources = others.Sum(entry => entry.Record.Sources.Count) + (parts.Sources?.Count ?? 0);
        return parts.Sources is not null && tenant is not null && sources > limits.TenantSources
            ? CatalogErrors.Invalid("mcp", $"would make {sources} MCP servers over all your catalogs; there may be {limits.TenantSources}")
            : null;
    }

    private CatalogRecord Changed(CatalogRecord record, CatalogChange change, Parts parts)
    {
        record = record with
        {
            EmbeddingModel = change.EmbeddingModel ?? record.EmbeddingModel,
            Weights = change.Weights ?? record.Weights,
            UpdatedAt = time.GetUtcNow(),
        };
        if (parts.Tools is { } tools)
        {
            return parts.Digest == record.Digest ? record with { Sources = [] }
                : record with { Sources = [], Digest = parts.Digest, Count = tools.Count, Blob = null };
        }

        // Tools of a list are not the servers'; those that a server gave stay until it is heard.
        return parts.Sources is null ? record
            : record.Sources.Count == 0 ? record with { Sources = parts.Sources, Digest = null, Count = 0, Blob = null }
            : record with { Sources = parts.Sources };
    }

    private static bool IsSame(CatalogRecord before, CatalogRecord next) =>
        before.Digest == next.Digest && before.EmbeddingModel == next.EmbeddingModel && before.Weights == next.Weights
        && SourcePublisher.Identity(before) == SourcePublisher.Identity(next);

    private async ValueTask<CatalogEntry?> CommitAsync(CatalogEntry? before, CatalogRecord next, Parts parts, CancellationToken cancellationToken)
    {
        var writes = new List<Write>();
        if (parts.Body is { } body && next.Blob is null)
        {
            var (blob, draft) = await blobs.WriteAsync(body, cancellationToken).ConfigureAwait(false);
            next = next with { Blob = blob };
            writes.Add(ToolBlobs.Keep(blob, draft));
        }

        var key = CatalogDocuments.KeyOf(next.Tenant, next.Name);
        writes.Add(CatalogDocuments.Put(next, before?.Version ?? 0));
        if (before?.Record.Blob is { } old && old != next.Blob)
            writes.Add(blobs.Drop(old));
        if (parts.Tools is not null)
            writes.AddRange(await WithoutStatusAsync(key, cancellationToken).ConfigureAwait(false));
        return await documents.CommitAsync(writes, cancellationToken).ConfigureAwait(false) is { } revision ? new CatalogEntry(key, revision, next) : null;
    }

    private async ValueTask<IReadOnlyList<Write>> WithoutStatusAsync(string key, CancellationToken cancellationToken) =>
        await documents.Store.ReadAsync(CatalogDocuments.Partition, CatalogDocuments.StatusKey(key), cancellationToken).ConfigureAwait(false) is { } status
            ? [new Write(status.Key, status.Version, null)]
            : [];

    private static RetrievalError? FaultOf(CatalogWeightOptions weights)
    {
        foreach (var (name, weight) in new[] { ("description", weights.Description), ("parameters", weights.Parameters), ("functionality", weights.Functionality) })
        {
            if (weight is not (>= 0 and <= 1))
                return CatalogErrors.Invalid("weights." + name, "must be from 0 to 1");
        }

        return weights.Description + weights.Parameters + weights.Functionality > 0 ? null : CatalogErrors.Invalid("weights", "are all 0: nothing would be found");
    }
}
