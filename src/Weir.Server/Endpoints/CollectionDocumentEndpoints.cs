using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Embedding;
using Weir.Server.Batches;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Retrieval;
using Weir.State.Texts;

namespace Weir.Server.Endpoints;

/// <summary>The documents of a collection: taken in from JSON, JSON Lines, text and Markdown; listed, read and deleted.</summary>
internal sealed class CollectionDocumentEndpoints(KnowledgeDocuments documents, CollectionLimits limits) : IDisposable
{
    private const int AtOnce = 16;
    private const int MostListed = 1000;
    private const string Path = "/v1/collections/{name}/documents";
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _ingests = new(AtOnce);

    public void Dispose() => _ingests.Dispose();

    internal void Map(IEndpointRouteBuilder app)
    {
        app.MapPost(Path, context => FileEndpoints.GuardAsync(context, inner => CollectionEndpoints.WithAskerAsync(inner, IngestAsync))).Requires(Role.App)
            .Describe("Takes documents in: a JSON list, JSON Lines, or one text; of one id the last stands. With 'Accept: text/event-stream', progress.", typeof(IngestView))
            .Query("id", "Of a text: its id. Default: derived from the text.").Query("title", "Of a text: metadata.title.").Query("metadata", "Of a text: a JSON object.");
        app.MapGet(Path, context => FileEndpoints.GuardAsync(context, ListAsync)).Requires(Role.App)
            .Describe("A page of documents, without their texts.", typeof(DocumentPageView)).Query("limit", "From 1 to 1000. Default: 100.").Query("after", "The id of the last one on the page before.");
        app.MapGet(Path + "/{**id}", context => FileEndpoints.GuardAsync(context, GetAsync)).Requires(Role.App).Describe("One document with its text.", typeof(DocumentView));
        app.MapDelete(Path + "/{**id}", context => FileEndpoints.GuardAsync(context, DeleteAsync)).Requires(Role.App).Describe("Deletes one document.", null, 204);
    }

    // An id may hold a slash, encoded or not: what routing made of the path cannot tell which, so it is read as it was sent.
    private static string IdOf(HttpContext context)
    {
        const string Front = "/v1/collections/";
        const string Mark = "/documents/";
        var raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var end = raw.IndexOf('?', StringComparison.Ordinal);
        raw = end < 0 ? raw : raw[..end];
        // Behind the name, which holds no slash and may itself be "documents".
        var front = raw.IndexOf(Front, StringComparison.OrdinalIgnoreCase);
        var at = front < 0 ? -1 : raw.IndexOf(Mark, front + Front.Length, StringComparison.OrdinalIgnoreCase);
        // Of a server that does not keep it, what routing leaves of a slash is taken for one.
        return at < 0
            ? ((string?)context.GetRouteValue("id") ?? "").Replace("%2F", "/", StringComparison.OrdinalIgnoreCase)
            : Uri.UnescapeDataString(raw[(at + Mark.Length)..]);
    }

    private async Task IngestAsync(HttpContext context, EmbeddingAsker asker)
    {
        var (scope, name) = (CollectionEndpoints.ScopeOf(context), CollectionEndpoints.NameOf(context));
        if (!await _ingests.WaitAsync(0))
        {
            context.Response.Headers.Connection = "close";
            await context.WriteErrorAsync(ApiError.Unavailable($"{AtOnce} ingests are under way already; send this again in a moment.", Again, "overloaded"));
            return;
        }

        try
        {
            if (await documents.CheckAsync(scope, name, asker, context.RequestAborted) is { } refused)
            {
                context.Response.Headers.Connection = "close";
                await context.WriteErrorAsync(refused.ToApiError());
                return;
            }

            var (items, error) = await ReadAsync(context);
            if (items is null)
                await context.WriteErrorAsync(error!);
            else
                await new IngestAnswer(context, (progress, cancellation) => documents.IngestAsync(scope, name, items, asker, progress, cancellation)).WriteAsync();
        }
        catch (InvalidDataException fault) when (!context.Response.HasStarted)
        {
            context.Response.Headers.Connection = "close";
            await context.WriteErrorAsync(new ApiError(413, "body_too_large", fault.Message));
        }
        finally
        {
            _ingests.Release();
        }
    }

    private async ValueTask<(IAsyncEnumerable<IngestItem>? Items, ApiError? Error)> ReadAsync(HttpContext context)
    {
        var request = context.Request;
        var type = MediaTypeHeaderValue.TryParse(request.ContentType, out var parsed) ? parsed.MediaType.Value?.ToLowerInvariant() : null;
        if (parsed?.Charset is { HasValue: true } charset && !HeaderUtilities.RemoveQuotes(charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            return (null, new ApiError(415, "content_type", "The body must be UTF-8."));
        if (request.Headers.ContentEncoding is { Count: > 0 } coding && coding.ToString() is not ("" or "identity"))
            return (null, new ApiError(415, "content_encoding", "Documents are taken in as they are, not compressed: send them without 'Content-Encoding'."));
        switch (type)
        {
            case "application/json":
                var (items, error) = await documents.ReadJsonAsync(new UploadStream(request.Body, context.Service<FrontDoorOptions>().MaxBody), context.RequestAborted);
                return error is null ? (items.ToAsyncEnumerable(), null) : (null, error.ToApiError());
            case "application/x-ndjson" or "application/jsonl" or "application/x-jsonlines":
                // The bound of other bodies is not this one's: lines are taken in as they come.
                if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
                if (request.ContentLength > limits.UploadBytes)
                    return (null, new ApiError(413, "body_too_large", $"A body of JSON Lines has at most {limits.UploadBytes} bytes: send several."));
                return (documents.ReadLines(new UploadStream(request.Body, limits.UploadBytes), context.RequestAborted), null);
            case "text/plain" or "text/markdown":
                var (metadata, wrong) = MetadataOf(request.Query);
                if (wrong is not null) return (null, wrong);
                var id = request.Query["id"] is [{ Length: > 0 } given] ? given : null;
                var (item, fault) = await documents.ReadTextAsync(request.Body, type == "text/markdown", id, metadata, context.RequestAborted);
                return fault is not null ? (null, fault.ToApiError())
                    : item!.Failure is { } failure ? (null, ApiError.Unprocessable(failure.Message, null, failure.Code))
                    : (new[] { item }.ToAsyncEnumerable(), null);
            default:
                return (null, new ApiError(415, "content_type", "Documents come as application/json, application/x-ndjson, text/plain or text/markdown: send that Content-Type."));
        }
    }

    private static (JsonElement? Metadata, ApiError? Error) MetadataOf(IQueryCollection query)
    {
        var metadata = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (query["metadata"] is [{ Length: > 0 } json])
        {
            var (given, fault) = ForeignJson.Read(Encoding.UTF8.GetBytes(json), WireJson.MostLevels);
            if (fault is { Sort: not JsonFaultSort.Malformed })
                return (null, ApiError.Malformed(fault.SentenceOf("'metadata'"), "metadata"));
            if (given is not { ValueKind: JsonValueKind.Object } members)
                return (null, ApiError.Malformed("'metadata' must be a JSON object.", "metadata"));
            foreach (var member in members.EnumerateObject()) metadata[member.Name] = member.Value;
        }

        if (query["title"] is [{ Length: > 0 } title]) metadata["title"] = JsonSerializer.SerializeToElement(title, WireJson.Options);
        return (metadata.Count == 0 ? null : JsonSerializer.SerializeToElement(metadata, WireJson.Options), null);
    }

    private async Task ListAsync(HttpContext context)
    {
        var limit = 100;
        if (context.Request.Query["limit"] is [var count] && (!int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MostListed))
        {
            await context.WriteErrorAsync(ApiError.Malformed($"'limit' must be from 1 to {MostListed}.", "limit"));
            return;
        }

        var after = context.Request.Query["after"] is [{ Length: > 0 } id] ? id : null;
        var answer = await documents.ListAsync(CollectionEndpoints.ScopeOf(context), CollectionEndpoints.NameOf(context), after, limit, context.RequestAborted);
        await (answer.Value is not { } page
            ? context.WriteErrorAsync(answer.Error!.ToApiError())
            : context.Response.WriteJsonAsync(new DocumentPageView(page.Documents, page.HasMore, page.HasMore ? page.Documents[^1].Id : null)));
    }

    private async Task GetAsync(HttpContext context)
    {
        var answer = await documents.GetAsync(CollectionEndpoints.ScopeOf(context), CollectionEndpoints.NameOf(context), IdOf(context), context.RequestAborted);
        await (answer.Value is null ? context.WriteErrorAsync(answer.Error!.ToApiError()) : context.Response.WriteJsonAsync(answer.Value));
    }

    private async Task DeleteAsync(HttpContext context)
    {
        if (await documents.DeleteAsync(CollectionEndpoints.ScopeOf(context), CollectionEndpoints.NameOf(context), IdOf(context), context.RequestAborted) is { } error)
            await context.WriteErrorAsync(error.ToApiError());
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <param name="Data">In a fixed order that means nothing.</param>
    /// <param name="HasMore">There is another page.</param>
    /// <param name="After">What asks for it.</param>
    private sealed record DocumentPageView(IReadOnlyList<DocumentView> Data, bool HasMore, string? After);
}
