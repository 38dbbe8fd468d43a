using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;
using Weir.Inference.Batches;
using Weir.Inference.Batches.Documents;
using Weir.Server.Batches;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.State;

namespace Weir.Server.Endpoints;

/// <summary>OpenAI's files: what batches read and what they answered. Each belongs to a tenant, and to others there is none.</summary>
internal sealed class FileEndpoints(BatchFiles files) : IDisposable
{
    private const int MostListed = 10_000;
    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(2);
    private readonly SemaphoreSlim _uploads = new(files.Limits.UploadsAtOnce);

    public void Dispose() => _uploads.Dispose();

    internal void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/files", context => GuardAsync(context, UploadAsync)).Requires(Role.App).Describe("Keeps a file, sent as multipart/form-data with 'file' and 'purpose'.", typeof(FileView));
        app.MapGet("/v1/files", context => GuardAsync(context, ListAsync)).Requires(Role.App).Describe("The files of this tenant.", typeof(PageOf<FileView>))
            .Query("purpose", "Only files of this purpose.").Query("limit", "How many.").Query("after", "The id of the last one on the page before.").Query("order", "asc or desc by time. Default: desc.");
        app.MapGet("/v1/files/{id}", context => GuardAsync(context, FindAsync)).Requires(Role.App).Describe("One file, without its content.", typeof(FileView));
        app.MapGet("/v1/files/{id}/content", context => GuardAsync(context, ContentAsync)).Requires(Role.App).Describe("A file's content.");
        app.MapDelete("/v1/files/{id}", context => GuardAsync(context, DeleteAsync)).Requires(Role.App).Describe("Deletes a file that no batch is reading.", typeof(DeletedView));
    }

    /// <summary>What needs the store says so when it is away.</summary>
    internal static async Task GuardAsync(HttpContext context, Func<HttpContext, Task> serve)
    {
        try
        {
            await serve(context);
        }
        catch (StoreUnavailableException fault) when (!context.Response.HasStarted)
        {
            await context.WriteErrorAsync(ApiError.Unavailable(fault.Message, StoreRetry, "state_unavailable"));
        }
    }

    /// <summary>Reads <c>limit</c>, <c>after</c> and <c>order</c> of a list.</summary>
    internal static bool TryReadPage(HttpRequest request, int usual, int most, out int limit, out string? after, out bool isAscending, out ApiError error)
    {
        var query = request.Query;
        (limit, after, isAscending, error) = (usual, null, false, null!);
        if (query["limit"] is [var count] && (!int.TryParse(count, System.Globalization.CultureInfo.InvariantCulture, out limit) || limit < 1 || limit > most))
        {
            error = ApiError.Malformed($"'limit' must be from 1 to {most}.", "limit");
        }
        else if (query["after"] is [{ Length: > 0 } id])
        {
            after = id.Length <= 64 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? id : null;
            error = after is null ? ApiError.Malformed("'after' must be an id of the list.", "after") : error;
        }

        if (query["order"] is [var order])
        {
            isAscending = order == "asc";
            error = isAscending || order == "desc" ? error : ApiError.Malformed("'order' must be 'asc' or 'desc'.", "order");
        }

        return error is null;
    }

    private static string IdOf(HttpContext context) => (string)context.GetRouteValue("id")!;

    private async Task UploadAsync(HttpContext context)
    {
        if (!await _uploads.WaitAsync(0))
        {
            context.Response.Headers.Connection = "close";
            await context.WriteErrorAsync(ApiError.Unavailable($"{files.Limits.UploadsAtOnce} files are being uploaded already; send this again in a moment.", StoreRetry, "overloaded"));
            return;
        }

        try
        {
            var tenant = context.GetCaller().Tenant;
            if (await files.RoomAsync(tenant, 0, context.RequestAborted) is { } full)
            {
                context.Response.Headers.Connection = "close";
                await context.WriteErrorAsync(InferenceEndpoints.Of(full));
                return;
            }

            var (file, error) = await new FileUpload(files, context, tenant).ReadAsync();
            await (file is null ? context.WriteErrorAsync(error!) : context.Response.WriteJsonAsync(FileView.Of(file)));
        }
        finally
        {
            _uploads.Release();
        }
    }

    private async Task ListAsync(HttpContext context)
    {
        if (!TryReadPage(context.Request, MostListed, MostListed, out var limit, out var after, out var isAscending, out var error))
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var all = await files.ListAsync(context.GetCaller().Tenant, context.RequestAborted);
        if (!isAscending) all.Reverse();
        var purpose = context.Request.Query["purpose"].ToString();
        // Ids are in the order of time: one that is gone meanwhile still says where the list goes on.
        var matching = all.Where(file => after is null || (string.CompareOrdinal(file.Id, after) > 0) == isAscending)
            .Where(file => file.Id != after && (purpose.Length == 0 || file.Purpose == purpose)).Take(limit + 1).ToList();
        await context.Response.WriteJsonAsync(PageOf<FileView>.Of([.. matching.Take(limit).Select(FileView.Of)], file => file.Id, matching.Count > limit));
    }

    private async Task FindAsync(HttpContext context)
    {
        var id = IdOf(context);
        var file = await files.FindAsync(context.GetCaller().Tenant, id, context.RequestAborted);
        await (file is null ? context.WriteErrorAsync(InferenceEndpoints.Of(BatchFiles.NotFound(id))) : context.Response.WriteJsonAsync(FileView.Of(file)));
    }

    private async Task ContentAsync(HttpContext context)
    {
        var id = IdOf(context);
        var file = await files.FindAsync(context.GetCaller().Tenant, id, context.RequestAborted);
        if (file is null || await files.OpenAsync(file, context.RequestAborted) is not { } content)
        {
            await context.WriteErrorAsync(InferenceEndpoints.Of(BatchFiles.NotFound(id)));
            return;
        }

        await using (content)
        {
            var response = context.Response;
            response.ContentType = "application/octet-stream";
            response.ContentLength = file.Bytes;
            var disposition = new ContentDispositionHeaderValue("attachment");
            disposition.SetHttpFileName(file.Filename);
            response.Headers.ContentDisposition = disposition.ToString();
            await content.CopyToAsync(response.Body, 64 * 1024, context.RequestAborted);
        }
    }

    private async Task DeleteAsync(HttpContext context)
    {
        var id = IdOf(context);
        var error = await files.DeleteAsync(context.GetCaller().Tenant, id, context.RequestAborted);
        await (error is null ? context.Response.WriteJsonAsync(new DeletedView(id, "file", true)) : context.WriteErrorAsync(InferenceEndpoints.Of(error)));
    }

    private sealed record DeletedView(string Id, string Object, bool Deleted);

    private sealed record FileView(
        string Id, string Object, long Bytes, long CreatedAt, long? ExpiresAt, string Filename, string Purpose, string Status)
    {
        public static FileView Of(FileRecord file) => new(
            file.Id, "file", file.Bytes, file.CreatedAt.ToUnixTimeSeconds(), file.ExpiresAt?.ToUnixTimeSeconds(), file.Filename, file.Purpose, "processed");
    }
}

/// <summary>A list as OpenAI's clients page through it.</summary>
internal sealed record PageOf<T>(string Object, IReadOnlyList<T> Data, string? FirstId, string? LastId, bool HasMore)
{
    public static PageOf<T> Of(IReadOnlyList<T> data, Func<T, string> id, bool hasMore) =>
        new("list", data, data.Count > 0 ? id(data[0]) : null, data.Count > 0 ? id(data[^1]) : null, hasMore);
}

internal static class FileEndpointExtensions
{
    public static void MapFiles(this WebApplication app)
    {
        var endpoints = new FileEndpoints(app.Services.GetRequiredService<BatchFiles>());
        app.Lifetime.ApplicationStopped.Register(endpoints.Dispose);
        endpoints.Map(app);
    }
}
