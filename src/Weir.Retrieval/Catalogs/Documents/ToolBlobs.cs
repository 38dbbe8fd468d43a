using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Retrieval.Catalogs.Documents;

/// <summary>
/// Lists of tools as blobs. Each is written down as something to be removed before its first byte is stored, and crossed out by the commit
/// that names it: wherever a crash falls, a later sweep finds what it left.
/// </summary>
internal sealed partial class ToolBlobs(CatalogDocuments documents, CatalogLimits limits, ILogger<ToolBlobs> logger)
{
    private const int Page = 100;

    /// <summary>Names the content: the same tools in the same order have the same digest.</summary>
    public static (byte[] Body, string Digest) Encode(IReadOnlyList<ToolDefinition> tools)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes([.. tools], CatalogJson.Default.ListToolDefinition);
        return (body, Convert.ToHexStringLower(SHA256.HashData(body)));
    }

    /// <returns>The blob, durable, and the version of the draft that its catalog takes away (<see cref="Keep"/>).</returns>
    public async ValueTask<(string Blob, long Draft)> WriteAsync(byte[] body, CancellationToken cancellationToken)
    {
        var blob = IBlobStore.NewId();
        var draft = new BlobDiscard(blob, documents.Store.Clock.Now + limits.DraftsKept, IsDraft: true);
        var version = await documents.CommitAsync([CatalogDocuments.Put(draft)], cancellationToken).ConfigureAwait(false)
            ?? throw new StoreUnavailableException("The state store refused a new blob.");
        using var content = new MemoryStream(body, writable: false);
        await documents.Store.Blobs.WriteAsync(blob, content, cancellationToken).ConfigureAwait(false);
        return (blob, version);
    }

    /// <summary>Belongs into the commit that first names the blob.</summary>
    public static Write Keep(string blob, long draft) => new(CatalogDocuments.DiscardKey(blob), draft, null);

    /// <summary>Belongs into the commit that no longer names the blob.</summary>
    public Write Drop(string blob) => CatalogDocuments.Put(new BlobDiscard(blob, documents.Store.Clock.Now + limits.BlobsKept, IsDraft: false));

    /// <returns>The tools; null where the blob is gone, because its catalog has changed meanwhile.</returns>
    /// <exception cref="InvalidDataException">It is not a list of tools.</exception>
    public async ValueTask<IReadOnlyList<ToolDefinition>?> ReadAsync(string? blob, CancellationToken cancellationToken)
    {
        if (blob is null)
            return [];
        if (await documents.Store.Blobs.OpenAsync(blob, cancellationToken).ConfigureAwait(false) is not { } content)
            return null;
        await using (content.ConfigureAwait(false))
        {
            try
            {
                return await JsonSerializer.DeserializeAsync(content, CatalogJson.Default.ListToolDefinition, cancellationToken).ConfigureAwait(false);
            }
            catch (JsonException fault)
            {
                throw new InvalidDataException($"The list of tools in blob {blob} cannot be read.", fault);
            }
        }
    }

    /// <summary>Removes what is due. Any replica may do it; twice is only wasted work.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        string? after = null;
        while (true)
        {
            var page = await documents.Store.ListAsync(CatalogDocuments.Partition, CatalogDocuments.DiscardPrefix, after, Page, cancellationToken).ConfigureAwait(false);
            foreach (var document in page)
            {
                if (CatalogJson.Read(document.Body, CatalogJson.Default.BlobDiscard) is { } discard && discard.NotBefore <= documents.Store.Clock.Now)
                    await RemoveAsync(discard, document.Version, cancellationToken).ConfigureAwait(false);
            }

            if (page.Count < Page)
                return;
            after = page[^1].Key;
        }
    }

    private async ValueTask RemoveAsync(BlobDiscard discard, long version, CancellationToken cancellationToken)
    {
        if (discard.IsDraft)
        {
            // First given up for good: whoever would name it at this moment wins, or finds that it is too late.
            var given = await documents.CommitAsync([CatalogDocuments.Put(discard with { IsDraft = false }, version)], cancellationToken).ConfigureAwait(false);
            if (given is not { } now)
                return;
            version = now;
        }

        await documents.Store.Blobs.RemoveAsync(discard.Blob, cancellationToken).ConfigureAwait(false);
        await documents.CommitAsync([new Write(CatalogDocuments.DiscardKey(discard.Blob), version, null)], cancellationToken).ConfigureAwait(false);
        LogRemoved(discard.Blob);
    }

    [LoggerMessage(EventId = 401, EventName = "CatalogBlobRemoved", Level = LogLevel.Debug, Message = "The list of tools {Blob} is named by no catalog any more and was removed")]
    private partial void LogRemoved(string blob);
}
