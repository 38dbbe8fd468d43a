using System.Text;
using System.Text.Json;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>Documents, and search in them.</summary>
public sealed class CollectionsClient
{
    // Of one request; more are sent in several, one after the other.
    private const int MostDocuments = 500;
    private const int MostCharacters = 2_000_000;

    private readonly WeirConnection _connection;

    internal CollectionsClient(WeirConnection connection) => _connection = connection;

    /// <summary>Makes a collection, or changes one.</summary>
    public Task<CollectionInfo> CreateAsync(string collection, CollectionSettings? settings = null, CancellationToken cancellationToken = default) => _connection.SendAsync(
        HttpMethod.Put, At(collection), WeirContent.Json(settings ?? new(), WeirJson.Default.CollectionSettings), WeirJson.Default.CollectionInfo, cancellationToken);

    public async Task<IReadOnlyList<CollectionInfo>> ListAsync(CancellationToken cancellationToken = default) =>
        (await _connection.SendAsync(HttpMethod.Get, "v1/collections", null, WeirJson.Default.ListOfCollectionInfo, cancellationToken).ConfigureAwait(false)).Data;

    /// <summary>A collection as it stands, with how far it is where its documents are being embedded.</summary>
    public Task<CollectionInfo> GetAsync(string collection, CancellationToken cancellationToken = default) =>
        _connection.SendAsync(HttpMethod.Get, At(collection), null, WeirJson.Default.CollectionInfo, cancellationToken);

    /// <summary>Removes a collection and all that is in it.</summary>
    public Task DeleteAsync(string collection, CancellationToken cancellationToken = default) =>
        _connection.SendAsync(HttpMethod.Delete, At(collection), null, WeirJson.Default.JsonElement, cancellationToken);

    /// <summary>Puts documents in, in as many requests as it takes; those with an id that is there replace it.</summary>
    public async Task<IngestResult> UpsertAsync(string collection, IReadOnlyList<CollectionDocument> documents, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(documents);
        var sum = new IngestResult();
        for (int start = 0, end; start < documents.Count; start = end)
        {
            end = EndOfRequest(documents, start);
            IReadOnlyList<CollectionDocument> part = [.. documents.Skip(start).Take(end - start)];
            var result = await _connection.SendAsync(
                HttpMethod.Post, $"{At(collection)}/documents", WeirContent.Json(part, WeirJson.Default.IReadOnlyListCollectionDocument),
                WeirJson.Default.IngestResult, cancellationToken).ConfigureAwait(false);
            sum = new IngestResult
            {
                Documents = sum.Documents + result.Documents,
                Chunks = sum.Chunks + result.Chunks,
                Unchanged = sum.Unchanged + result.Unchanged,
                Failed = [.. sum.Failed, .. result.Failed],
                FailedTotal = sum.FailedTotal + result.FailedTotal,
            };
        }

        return sum;
    }

    /// <summary>
    /// Puts documents in while they come, as JSON Lines in one request that holds one of them in memory at a time. It is not sent again when it fails:
    /// what progress named is in, and sending all once more changes nothing in it.
    /// </summary>
    /// <param name="collection">Its name.</param>
    /// <param name="documents">Read once; what it throws comes back as it is.</param>
    /// <param name="progress">Told as batches go in. Null: nobody.</param>
    /// <param name="cancellationToken">Stops it behind the batch under way.</param>
    public async Task<IngestResult> UpsertAsync(
        string collection, IAsyncEnumerable<CollectionDocument> documents, IProgress<IngestProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var body = new JsonLinesContent<CollectionDocument>(documents, WeirJson.Default.CollectionDocument);
        return await IngestStream.RunAsync(_connection, $"{At(collection)}/documents", body, progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Puts one text in.</summary>
    /// <param name="collection">Its name.</param>
    /// <param name="id">Of the document.</param>
    /// <param name="text">Not empty.</param>
    /// <param name="markdown">Whether it is cut at headings, code, lists and tables; else it is plain text.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task<IngestResult> UpsertTextAsync(string collection, string id, string text, bool markdown = false, CancellationToken cancellationToken = default)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        return _connection.SendAsync(
            HttpMethod.Post, $"{At(collection)}/documents?id={Uri.EscapeDataString(id)}", () => WeirContent.Text(utf8, markdown ? "text/markdown" : "text/plain"),
            WeirJson.Default.IngestResult, cancellationToken);
    }

    /// <summary>Removes a document with all its chunks.</summary>
    /// <exception cref="ArgumentException">The id is '.' or '..', which no path can name.</exception>
    public Task DeleteDocumentAsync(string collection, string id, CancellationToken cancellationToken = default) => _connection.SendAsync(
        HttpMethod.Delete, $"{At(collection)}/documents/{Segment(id)}", null, WeirJson.Default.JsonElement, cancellationToken);

    /// <summary>The best chunks first; several may be of one document.</summary>
    public Task<IReadOnlyList<SearchResult>> SearchAsync(string collection, string query, int? topK = null, CancellationToken cancellationToken = default) =>
        SearchAsync(collection, new CollectionSearch(query) { TopK = topK }, cancellationToken);

    /// <summary>The best chunks first; several may be of one document.</summary>
    public async Task<IReadOnlyList<SearchResult>> SearchAsync(string collection, CollectionSearch search, CancellationToken cancellationToken = default) =>
        (await _connection.SendAsync(
            HttpMethod.Post, $"{At(collection)}/search", WeirContent.Json(search, WeirJson.Default.CollectionSearch), WeirJson.Default.SearchResults, cancellationToken)
            .ConfigureAwait(false)).Results;

    private static string At(string collection) => $"v1/collections/{Uri.EscapeDataString(collection)}";

    // Every part of the way takes these for steps, escaped or not, and the step back from a document is its whole collection.
    private static string Segment(string id) => id is not ("." or "..")
        ? Uri.EscapeDataString(id)
        : throw new ArgumentException($"No path can name a document '{id}'.", nameof(id));

    private static int EndOfRequest(IReadOnlyList<CollectionDocument> documents, int start)
    {
        var end = start;
        long characters = 0;
        do
            characters += documents[end++].Text.Length;
        while (end < documents.Count && end - start < MostDocuments && characters + documents[end].Text.Length <= MostCharacters);
        return end;
    }
}
