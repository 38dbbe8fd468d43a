using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Leases;

namespace Weir.Server.Endpoints;

/// <summary>Kinds and their resources: how they stand, and what an operator does with them.</summary>
internal sealed class KindEndpoints(IKindDesk desk, IFleetView view, KindViews views)
{
    private const string Kinds = "/v1/kinds";
    private const string Resources = "/v1/resources";
    private const int LongestReason = 500;
    private static readonly TimeSpan SeenWithin = TimeSpan.FromSeconds(2);

    internal void Map(IEndpointRouteBuilder app)
    {
        app.MapGet(Kinds, context => FileEndpoints.GuardAsync(context, ListAsync)).Requires(Role.Any).Describe("Each kind that this key may lease, and how it stands in the fleet.", typeof(ListOf<KindView>));
        app.MapGet(Kinds + "/{kind}", context => FileEndpoints.GuardAsync(context, GetAsync)).Requires(Role.Any).Describe("One kind.", typeof(KindView));
        app.MapPut(Kinds + "/{kind}", context => FileEndpoints.GuardAsync(context, PutAsync)).Requires(Role.Admin)
            .Describe("Makes a kind, or changes it while it runs: what is left out stays as it is, null is the default again.", typeof(KindView), 200, typeof(KindOptions));
        app.MapDelete(Kinds + "/{kind}", context => FileEndpoints.GuardAsync(context, DeleteAsync)).Requires(Role.Admin)
            .Describe("Ends a kind: nothing is granted any more, what is leased goes when it is given back.", null, 204);
        app.MapGet(Resources, context => FileEndpoints.GuardAsync(context, ListResourcesAsync)).Requires(Role.Any).Describe("The resources of the fleet.", typeof(PartOf<ResourceView>))
            .Query("kind", "Only of this kind, or an alias of it.").Query("state", "Only in this state: free, leased, resetting, quarantined.")
            .Query("limit", "How many, 1 to 1000. Default: 100.").Query("after", "The 'after' of the page before.");
        app.MapPost(Resources + "/{id}/quarantine", context => FileEndpoints.GuardAsync(context, QuarantineAsync)).Requires(Role.Admin)
            .Describe("Takes a resource out of use until it is restored; one that is leased is taken from its lease.", null, 204, typeof(QuarantineBody), isBodyOptional: true);
        app.MapPost(Resources + "/{id}/restore", context => FileEndpoints.GuardAsync(context, RestoreAsync)).Requires(Role.Admin).Describe("Resets a quarantined resource and puts it to use again.", null, 204);
    }

    private static string NameOf(HttpContext context) => (string)context.GetRouteValue("kind")!;

    private static string IdOf(HttpContext context) => (string)context.GetRouteValue("id")!;

    private static ApiError NoKind() => ApiError.NotFound("There is no kind of that name, or this key may not lease it; GET /v1/kinds lists those there are.", "kind_not_found");

    private static Task EndAsync(HttpContext context, LeaseError? error)
    {
        if (error is not null)
            return context.WriteErrorAsync(error.ToApiError());
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    /// <summary>Nothing is shown of a fleet that has not been read, and, for a moment, of one that is only being made.</summary>
    private async ValueTask MadeAsync(HttpContext context)
    {
        await view.KnownAsync(context.RequestAborted);
        await desk.MadeAsync(context.RequestAborted);
    }

    private async Task ListAsync(HttpContext context)
    {
        await MadeAsync(context);
        await context.Response.WriteJsonAsync(new ListOf<KindView>(views.Read(context.GetCaller().ToAsker())));
    }

    private async Task GetAsync(HttpContext context)
    {
        await MadeAsync(context);
        var name = view.Kind(NameOf(context))?.Value.Name;
        await (name is not null && views.Read(context.GetCaller().ToAsker(), name) is { } kind ? context.Response.WriteJsonAsync(kind) : context.WriteErrorAsync(NoKind()));
    }

    private async Task PutAsync(HttpContext context)
    {
        var name = NameOf(context);
        var (body, malformed) = await context.Request.ReadJsonAsync<JsonDocument>();
        if (body is null)
        {
            await context.WriteErrorAsync(malformed!);
            return;
        }

        using (body)
        {
            await view.KnownAsync(context.RequestAborted);
            var stored = view.Kind(name) is { } known && known.Value.Name == name ? known.Value.Options : null;
            var (options, wrong) = KindChange.Apply(name, stored, body.RootElement);
            if (options is null)
            {
                await context.WriteErrorAsync(wrong!);
                return;
            }

            var answer = await desk.PutAsync(name, options, context.RequestAborted);
            if (answer.Kind is not { } kind)
            {
                await context.WriteErrorAsync(answer.Error!.ToApiError());
                return;
            }

            // Whoever is told that a kind is there may lease it, at least at this replica.
            await view.WhenAsync(kind.Version, SeenWithin, context.RequestAborted);
            var status = stored is null ? StatusCodes.Status201Created : StatusCodes.Status200OK;
            await (views.Read(context.GetCaller().ToAsker(), name) is { } shown
                ? context.Response.WriteJsonAsync(shown, status)
                : context.WriteErrorAsync(ApiError.Unavailable("The kind is stored; this replica has not read it yet. GET /v1/kinds shows it in a moment.", SeenWithin)));
        }
    }

    private async Task DeleteAsync(HttpContext context) => await EndAsync(context, await desk.DeleteAsync(NameOf(context), context.RequestAborted));

    private async Task ListResourcesAsync(HttpContext context)
    {
        ResourceState? state = null;
        if (!PartQuery.TryRead(context.Request, out var limit, out var after, out var error) || !PartQuery.TryReadWord(context.Request, "state", ref state, out error))
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var asker = context.GetCaller().ToAsker();
        await MadeAsync(context);
        var asked = context.Request.Query["kind"].ToString();
        var found = view.Resources(asked.Length == 0 ? null : view.Kind(asked)?.Value.Name ?? asked).Select(one => one.Value)
            .Where(resource => (state is null || resource.State == state) && (after is null || string.CompareOrdinal(resource.Id, after) > 0)
                && (asker.IsAdmin || asker.MayUseKind?.Invoke(resource.Kind) != false))
            .OrderBy(resource => resource.Id, StringComparer.Ordinal);
        await context.Response.WriteJsonAsync(PartOf<ResourceView>.Of(found, limit, resource => resource.Id, resource => views.Of(asker, resource)));
    }

    private async Task QuarantineAsync(HttpContext context)
    {
        string? reason = null;
        if (context.Request.ContentLength is > 0 || context.Request.Headers.ContainsKey("Transfer-Encoding"))
        {
            var (body, error) = await context.Request.ReadJsonAsync<QuarantineBody>();
            error ??= body!.Reason is { Length: > LongestReason } ? ApiError.Unprocessable($"'reason' takes at most {LongestReason} characters.", "reason") : null;
            if (error is not null)
            {
                await context.WriteErrorAsync(error);
                return;
            }

            reason = body!.Reason;
        }

        await EndAsync(context, await desk.QuarantineAsync(IdOf(context), reason, context.RequestAborted));
    }

    private async Task RestoreAsync(HttpContext context) => await EndAsync(context, await desk.RestoreAsync(IdOf(context), context.RequestAborted));

    /// <param name="Reason">Why, for people; at most 500 characters. Null: none given.</param>
    private sealed record QuarantineBody(string? Reason = null);
}
