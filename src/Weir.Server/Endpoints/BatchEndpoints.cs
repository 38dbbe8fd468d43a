using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Batches;
using Weir.Inference.Batches.Documents;
using Weir.Server.Configuration.Shapes;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;

namespace Weir.Server.Endpoints;

/// <summary>OpenAI's batches, run by Weir over any route. Each belongs to a tenant, and to others there is none.</summary>
internal sealed class BatchEndpoints(BatchStore batches)
{
    private const int UsuallyListed = 20;
    private const int MostListed = 100;

    internal void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/batches", context => FileEndpoints.GuardAsync(context, CreateAsync)).Requires(Role.App)
            .Describe("Runs the requests of an uploaded file.", typeof(BatchView), body: typeof(BatchRequest));
        app.MapGet("/v1/batches", context => FileEndpoints.GuardAsync(context, ListAsync)).Requires(Role.App)
            .Describe("The batches of this tenant, newest first.", typeof(PageOf<BatchView>))
            .Query("limit", "How many.").Query("after", "The id of the last one on the page before.");
        app.MapGet("/v1/batches/{id}", context => FileEndpoints.GuardAsync(context, FindAsync)).Requires(Role.App)
            .Describe("One batch and how far it has come.", typeof(BatchView));
        app.MapPost("/v1/batches/{id}/cancel", context => FileEndpoints.GuardAsync(context, CancelAsync)).Requires(Role.App)
            .Describe("Stops a batch; what has been answered is kept.", typeof(BatchView));
    }

    private static string IdOf(HttpContext context) => (string)context.GetRouteValue("id")!;

    private async Task CreateAsync(HttpContext context)
    {
        var (body, error) = await context.Request.ReadJsonAsync<BatchRequest>();
        error ??= Check(body!);
        if (error is not null)
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var caller = context.GetCaller();
        var (batch, refused) = await batches.CreateAsync(
            new NewBatch
            {
                Tenant = caller.Tenant,
                KeyId = caller.KeyId,
                InputFileId = body!.InputFileId!,
                Endpoint = body.Endpoint!,
                Window = DurationText.Read(body.CompletionWindow!)!.Value,
                WindowText = body.CompletionWindow!,
                Metadata = body.Metadata,
                OutputLifetime = body.OutputExpiresAfter is { } after ? TimeSpan.FromSeconds(after.Seconds) : null,
            },
            context.RequestAborted);
        await (batch is null ? context.WriteErrorAsync(InferenceEndpoints.Of(refused!)) : context.Response.WriteJsonAsync(BatchView.Of(batch)));
    }

    private static ApiError? Check(BatchRequest body)
    {
        if (string.IsNullOrEmpty(body.InputFileId)) return ApiError.Malformed("\"input_file_id\" is missing: upload a file first.", "input_file_id");
        if (string.IsNullOrEmpty(body.Endpoint)) return ApiError.Malformed("\"endpoint\" is missing, such as \"/v1/chat/completions\".", "endpoint");
        if (body.CompletionWindow is not { Length: <= 32 } window || DurationText.Read(window) is null)
            return ApiError.Malformed("\"completion_window\" must be a duration, such as \"24h\".", "completion_window");
        return body.OutputExpiresAfter is { } after && (after.Anchor != "created_at" || after.Seconds is < 3600 or > 30 * 24 * 3600)
            ? ApiError.Malformed("\"output_expires_after\" takes the anchor \"created_at\" and 3600 to 2592000 seconds.", "output_expires_after")
            : null;
    }

    private async Task ListAsync(HttpContext context)
    {
        if (!FileEndpoints.TryReadPage(context.Request, UsuallyListed, MostListed, out var limit, out var after, out _, out var error))
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var page = await batches.ListAsync(context.GetCaller().Tenant, after, limit + 1, context.RequestAborted);
        await context.Response.WriteJsonAsync(PageOf<BatchView>.Of([.. page.Take(limit).Select(BatchView.Of)], batch => batch.Id, page.Count > limit));
    }

    private async Task FindAsync(HttpContext context)
    {
        var id = IdOf(context);
        var batch = await batches.FindAsync(context.GetCaller().Tenant, id, context.RequestAborted);
        await (batch is null ? context.WriteErrorAsync(InferenceEndpoints.Of(BatchStore.NotFound(id))) : context.Response.WriteJsonAsync(BatchView.Of(batch)));
    }

    private async Task CancelAsync(HttpContext context)
    {
        var (batch, refused) = await batches.CancelAsync(context.GetCaller().Tenant, IdOf(context), context.RequestAborted);
        await (batch is null ? context.WriteErrorAsync(InferenceEndpoints.Of(refused!)) : context.Response.WriteJsonAsync(BatchView.Of(batch)));
    }

    // What a newer client may ask for beside these is left out rather than refused.
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
    private sealed record BatchRequest
    {
        public string? InputFileId { get; init; }

        public string? Endpoint { get; init; }

        public string? CompletionWindow { get; init; }

        public IReadOnlyDictionary<string, string>? Metadata { get; init; }

        public ExpiresAfter? OutputExpiresAfter { get; init; }
    }

    private sealed record ExpiresAfter(string Anchor, long Seconds);

    /// <summary>A batch as OpenAI's clients read it: what is not known yet is null, and said.</summary>
    private sealed record BatchView
    {
        public required string Id { get; init; }

        public string Object { get; } = "batch";

        public required string Endpoint { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public ErrorsView? Errors { get; init; }

        public required string InputFileId { get; init; }

        public required string CompletionWindow { get; init; }

        public required string Status { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public string? OutputFileId { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public string? ErrorFileId { get; init; }

        public required long CreatedAt { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? InProgressAt { get; init; }

        public required long ExpiresAt { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? FinalizingAt { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? CompletedAt { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? FailedAt { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? ExpiredAt { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? CancellingAt { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? CancelledAt { get; init; }

        public required CountsView RequestCounts { get; init; }

        public required UsageView Usage { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public IReadOnlyDictionary<string, string>? Metadata { get; init; }

        public static BatchView Of(BatchRecord batch) => new()
        {
            Id = batch.Id,
            Endpoint = batch.Endpoint,
            Errors = batch.Faults is { Count: > 0 } faults ? new ErrorsView("list", [.. faults.Select(fault => new ErrorView(fault.Code, fault.Line, fault.Message, fault.Param))]) : null,
            InputFileId = batch.InputFileId,
            CompletionWindow = batch.CompletionWindow,
            Status = BatchText.Of(batch.Status),
            OutputFileId = batch.OutputFileId,
            ErrorFileId = batch.ErrorFileId,
            CreatedAt = batch.CreatedAt.ToUnixTimeSeconds(),
            InProgressAt = batch.InProgressAt?.ToUnixTimeSeconds(),
            ExpiresAt = batch.ExpiresAt.ToUnixTimeSeconds(),
            FinalizingAt = batch.FinalizingAt?.ToUnixTimeSeconds(),
            CompletedAt = batch.CompletedAt?.ToUnixTimeSeconds(),
            FailedAt = batch.FailedAt?.ToUnixTimeSeconds(),
            ExpiredAt = batch.ExpiredAt?.ToUnixTimeSeconds(),
            CancellingAt = batch.CancellingAt?.ToUnixTimeSeconds(),
            CancelledAt = batch.CancelledAt?.ToUnixTimeSeconds(),
            RequestCounts = new CountsView(batch.Total, batch.Completed, batch.Failed),
            Usage = new UsageView(
                batch.Usage.Input, new InputDetails(batch.Usage.Cached), batch.Usage.Output, new OutputDetails(batch.Usage.Reasoning), batch.Usage.Total),
            Metadata = batch.Metadata,
        };
    }

    private sealed record CountsView(int Total, int Completed, int Failed);

    private sealed record ErrorsView(string Object, IReadOnlyList<ErrorView> Data);

    private sealed record ErrorView(
        string Code,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int? Line,
        string Message,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param);

    private sealed record UsageView(long InputTokens, InputDetails InputTokensDetails, long OutputTokens, OutputDetails OutputTokensDetails, long TotalTokens);

    private sealed record InputDetails(long CachedTokens);

    private sealed record OutputDetails(long ReasoningTokens);
}

internal static class BatchEndpointExtensions
{
    public static void MapBatches(this WebApplication app) => new BatchEndpoints(app.Services.GetRequiredService<BatchStore>()).Map(app);
}
