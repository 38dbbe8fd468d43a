using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Server.Applying;
using Weir.Server.Configuration;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;

namespace Weir.Server.Endpoints;

/// <summary><c>weir apply</c>: documents that the configuration only makes where they are missing are overwritten with what it says.</summary>
internal static class ApplyEndpoints
{
    private static readonly TimeSpan SettledWithin = TimeSpan.FromSeconds(5);

    public static void MapApply(this IEndpointRouteBuilder app) =>
        app.MapPost("/v1/apply", context => FileEndpoints.GuardAsync(context, ApplyAsync)).Requires(Role.Admin)
            .Describe("Overwrites stored collections, catalogs and kinds with what the configuration says; deletes nothing.", typeof(ApplyReport), body: typeof(ApplyRequest), isBodyOptional: true);

    private static async Task ApplyAsync(HttpContext context)
    {
        var request = new ApplyRequest();
        if (context.Request.ContentLength is > 0 || context.Request.Headers.ContainsKey("Transfer-Encoding"))
        {
            var (body, wrong) = await context.Request.ReadJsonAsync<ApplyRequest>();
            if (wrong is not null)
            {
                await context.WriteErrorAsync(wrong);
                return;
            }

            request = body!;
        }

        if (await UnsettledAsync(context) is { } error)
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var apply = context.Service<DocumentApply>();
        var documents = request.DryRun ? await apply.ReadAsync(context.RequestAborted) : await apply.ApplyAsync(context.RequestAborted);
        await context.Response.WriteJsonAsync(new ApplyReport(request.DryRun, documents));
    }

    // Who saved the file a moment ago means that one.
    private static async Task<ApiError?> UnsettledAsync(HttpContext context)
    {
        using var late = new CancellationTokenSource(SettledWithin, context.Time());
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(late.Token, context.RequestAborted);
        try
        {
            var faults = await context.Service<ConfigurationWatcher>().SettledAsync(ends.Token);
            return faults.Count == 0 ? null : ApiError.Conflict(
                $"The configuration file has faults, so that an earlier one is in force and nothing was applied: {string.Join(' ', faults)} 'weir check' looks at it.", "configuration_refused");
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            return ApiError.Conflict($"The configuration file has not stayed the same for {SettledWithin.TotalSeconds:0} s: nothing was applied. Try again when it has been written.", "configuration_changing");
        }
    }
}

internal sealed record ApplyRequest
{
    /// <summary>Only say what would be done. Default: false.</summary>
    public bool DryRun { get; init; }
}

/// <param name="DryRun">Nothing was changed.</param>
/// <param name="Data">Everything that is configured, and what is shared by all tenants beside it.</param>
internal sealed record ApplyReport(bool DryRun, IReadOnlyList<DocumentReport> Data);
