using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Leases;

namespace Weir.Server.Endpoints;

/// <summary>Leases: asked for, shown, renewed, looked at and given back. Each belongs to a tenant, and to others there is none.</summary>
internal sealed class LeaseEndpoints(ILeaseBroker broker, IFleetView view, LeaseViews views, Drain drain)
{
    private const string Path = "/v1/leases";
    private static readonly TimeSpan LongestPoll = TimeSpan.FromMinutes(5);

    internal void Map(IEndpointRouteBuilder app)
    {
        app.MapPost(Path, context => FileEndpoints.GuardAsync(context, AllocateAsync)).Requires(Role.Worker)
            .Describe("All of what is asked for, or nothing: at once, or when its turn comes. With 'Prefer: respond-async' it waits by itself (202).", typeof(LeaseView), 201, typeof(LeaseBody));
        app.MapGet(Path, context => FileEndpoints.GuardAsync(context, ListAsync)).Requires(Role.Worker).Describe("The leases of this tenant; an admin sees all.", typeof(PartOf<LeaseView>))
            .Query("worker_id", "Only of this worker.").Query("state", "Only in this state: waiting, granted, ready, released, expired, failed.").Query("kind", "Only with a resource of this kind, or an alias of it.")
            .Query("limit", "How many, 1 to 1000. Default: 100.").Query("after", "The 'after' of the page before.");
        app.MapGet(Path + "/{id}", context => FileEndpoints.GuardAsync(context, GetAsync)).Requires(Role.Worker).Describe("One lease; its tokens only for the key that made it.", typeof(LeaseView))
            .Query("wait", "Answer only when it is ready or has ended, or after so long: up to 5m. Default: at once.");
        app.MapPost(Path + "/{id}/renew", context => FileEndpoints.GuardAsync(context, RenewAsync)).Requires(Role.Worker).Describe("Puts the end one ttl from now; 412 with an old fence.", typeof(RenewedView), 200, typeof(RenewBody));
        app.MapGet(Path + "/{id}/observations", context => FileEndpoints.GuardAsync(context, ObserveAsync)).Requires(Role.Worker)
            .Describe("What its resources show now: under each kind the first one, under 'resources' each by its id.", typeof(IReadOnlyDictionary<string, ObservationView>));
        app.MapDelete(Path + "/{id}", context => FileEndpoints.GuardAsync(context, inner => ReleaseAsync(inner, null))).Requires(Role.Worker)
            .Describe("Gives all of it back; what has ended already is released again without error, 412 with an old fence.", null, 204).Query("fence", "The lease's fence; needed.");
        app.MapDelete(Path + "/{id}/resources/{resource}", context => FileEndpoints.GuardAsync(context, inner => ReleaseAsync(inner, [(string)inner.GetRouteValue("resource")!]))).Requires(Role.Worker)
            .Describe("Gives one resource of it back; the last one ends the lease.", null, 204).Query("fence", "The lease's fence; needed.");
    }

    private static string IdOf(HttpContext context) => (string)context.GetRouteValue("id")!;

    private async Task AllocateAsync(HttpContext context)
    {
        var (request, wrong) = await LeaseRequests.ReadAsync(context);
        if (request is null)
        {
            await context.WriteErrorAsync(wrong!);
            return;
        }

        var asker = context.GetCaller().ToAsker();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Begun);
        LeaseAnswer answer;
        try
        {
            answer = await broker.AllocateAsync(asker, request.Request, stop.Token);
        }
        catch (OperationCanceledException) when (drain.Begun.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            await context.WriteErrorAsync(LeaseErrors.Draining());
            return;
        }

        if (answer.Lease is not { } lease)
            await context.WriteErrorAsync(answer.Error!.ToApiError());
        else if (lease.Value.HasEnded)
            await context.WriteErrorAsync(new ApiError(410, "lease_ended", $"The lease that this Idempotency-Key made has ended: {lease.Value.Reason?.TrimEnd('.') ?? lease.Value.State.ToString().ToLowerInvariant()}. Send another key for another lease.") { ShouldRetry = false });
        else if (lease.Value.State == LeaseState.Ready)
            await LeaseAnswers.WriteReadyAsync(context, broker, lease, () => ReadyAsync(context, asker, lease, request.Observe));
        else
            await AcceptAsync(context, asker, lease);
    }

    private async Task<LeaseView?> ReadyAsync(HttpContext context, LeaseAsker asker, Stored<LeaseRecord> lease, bool observe)
    {
        if (!observe)
            return views.Of(asker, lease);
        var seen = await broker.ObserveAsync(asker, lease.Value.Id, context.RequestAborted);
        // A look may take longer than the lease lasts.
        return broker.Find(asker, lease.Value.Id) is { Value.HasEnded: true } ? null : views.Of(asker, lease, seen);
    }

    private Task AcceptAsync(HttpContext context, LeaseAsker asker, Stored<LeaseRecord> lease)
    {
        var headers = context.Response.Headers;
        headers.Location = $"{Path}/{lease.Value.Id}";
        headers["Preference-Applied"] = "respond-async";
        return context.Response.WriteJsonAsync(views.Of(asker, lease), StatusCodes.Status202Accepted);
    }

    private async Task ListAsync(HttpContext context)
    {
        var query = context.Request.Query;
        LeaseState? state = null;
        if (!PartQuery.TryRead(context.Request, out var limit, out var after, out var error) || !PartQuery.TryReadWord(context.Request, "state", ref state, out error))
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var asker = context.GetCaller().ToAsker();
        await view.KnownAsync(context.RequestAborted);
        var worker = query["worker_id"].ToString();
        var asked = query["kind"].ToString();
        var kind = view.Kind(asked)?.Value.Name ?? asked;
        var found = view.Leases.Select(one => one.Value).Where(lease => (asker.IsAdmin || lease.Tenant == asker.Tenant)
            && (worker.Length == 0 || lease.WorkerId == worker) && (state is null || lease.State == state)
            && (kind.Length == 0 || lease.Holdings.Any(holding => holding.Kind == kind) || lease.Demands.Any(demand => demand.Kind == kind))
            && (after is null || string.CompareOrdinal(lease.Id, after) > 0)).OrderBy(lease => lease.Id, StringComparer.Ordinal);
        var ofThese = found.Select(lease => broker.Find(asker, lease.Id)).OfType<Stored<LeaseRecord>>();
        await context.Response.WriteJsonAsync(PartOf<LeaseView>.Of(ofThese, limit, lease => lease.Value.Id, lease => views.Of(asker, lease)));
    }

    private async Task GetAsync(HttpContext context)
    {
        var wait = TimeSpan.Zero;
        if (context.Request.Query["wait"] is [{ } text] && (Configuration.Shapes.DurationText.Read(text) is not { } read || (wait = read) > LongestPoll))
        {
            await context.WriteErrorAsync(ApiError.Malformed("'wait' takes a duration up to 5m, such as 30s.", "wait"));
            return;
        }

        var (asker, id) = (context.GetCaller().ToAsker(), IdOf(context));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Begun);
        var lease = await broker.FindAsync(asker, id, context.RequestAborted);
        if (lease is { } found && wait > TimeSpan.Zero)
        {
            // What is not in the view is there all the same, until the view has come as far.
            lease = await LeaseWatch.WhenSettledAsync(view, () => broker.Find(asker, id) ?? (view.Revision < found.Version ? found : null), wait, context.Time(), stop.Token);
        }

        if (lease is null)
        {
            await context.WriteErrorAsync(LeaseErrors.NoLease());
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteJsonAsync(views.Of(asker, lease));
    }

    private async Task RenewAsync(HttpContext context)
    {
        var (body, error) = await context.Request.ReadJsonAsync<RenewBody>(LeaseBody.Takes);
        error ??= body!.Fault();
        if (error is not null)
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var answer = await broker.RenewAsync(context.GetCaller().ToAsker(), IdOf(context), body!.Fence, body.Ttl, context.RequestAborted);
        await (answer.Lease is { } lease
            ? context.Response.WriteJsonAsync(new RenewedView(lease.Value.Id, lease.Value.FenceOf(lease.Version), lease.Value.EndsAt, lease.Value.Reason))
            : context.WriteErrorAsync(answer.Error!.ToApiError()));
    }

    private async Task ObserveAsync(HttpContext context)
    {
        var (asker, id) = (context.GetCaller().ToAsker(), IdOf(context));
        if (await broker.FindAsync(asker, id, context.RequestAborted) is not { } lease)
        {
            await context.WriteErrorAsync(LeaseErrors.NoLease());
            return;
        }

        var seen = await broker.ObserveAsync(asker, id, context.RequestAborted);
        await (seen.Error is { } error ? context.WriteErrorAsync(error.ToApiError()) : context.Response.WriteJsonAsync(ObservationShape.Of(lease.Value, seen)));
    }

    private async Task ReleaseAsync(HttpContext context, IReadOnlyList<string>? resources)
    {
        if (context.Request.Query["fence"] is not [{ } text] || !long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var fence))
        {
            await context.WriteErrorAsync(ApiError.Malformed("A release names the lease's fence, so that nobody gives back what is another's by now: add '?fence=' with the 'fence' that the lease was given with.", "fence"));
            return;
        }

        // Who asks for a release and leaves means it all the same.
        if (await broker.ReleaseAsync(context.GetCaller().ToAsker(), IdOf(context), fence, resources, context.RequestAborted) is { } error)
            await context.WriteErrorAsync(error.ToApiError());
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
