using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Upkeep;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Leases;
using Weir.State;

namespace Weir.Server.Endpoints;

/// <summary>AgentFlow's paths, for what already speaks them. They are another look at the same leases: nothing is kept for them.</summary>
internal sealed class AgentFlowEndpoints(ILeaseBroker broker, IFleetView view, IKindDesk desk, IDoors doors, IStateStore store, string partition, Drain drain)
{
    private static readonly TimeSpan Ttl = TimeSpan.FromHours(1);
    private static readonly TimeSpan SeenWithin = TimeSpan.FromSeconds(2);

    internal void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/allocate", context => FileEndpoints.GuardAsync(context, AllocateAsync)).Requires(Role.Worker)
            .Describe("AgentFlow's: a map from kind to resource, or with 'type' one resource; 503 when the time is up.", typeof(IReadOnlyDictionary<string, LegacyResource>), 200, typeof(AllocateBody));
        app.MapPost("/release", context => FileEndpoints.GuardAsync(context, ReleaseAsync)).Requires(Role.Worker)
            .Describe("AgentFlow's: gives one resource back; who does not hold it gets 403.", typeof(ReleasedView), 200, typeof(ReleaseBody));
        app.MapGet("/status", context => FileEndpoints.GuardAsync(context, StatusAsync)).Requires(Role.Any)
            .Describe("AgentFlow's: how each kind stands.", typeof(IReadOnlyDictionary<string, LegacyKind>));
    }

    private async Task AllocateAsync(HttpContext context)
    {
        var (body, wrong) = await context.Request.ReadJsonAsync<AllocateBody>();
        wrong ??= body!.Fault();
        if (wrong is not null)
        {
            await context.WriteErrorAsync(wrong);
            return;
        }

        var (demands, fault) = LegacyShapes.DemandsOf(body!.Type is { } type ? [type] : [.. body.ResourceTypes!.Select(one => one ?? "")]);
        if (fault is not null)
        {
            await context.WriteErrorAsync(fault.ToApiError());
            return;
        }

        var asker = context.GetCaller().ToAsker();
        // Its clients renew by using what they hold, and know of no other way.
        var request = new LeaseRequest { WorkerId = body.WorkerId!, Demands = demands, Wait = TimeSpan.FromSeconds(body.Timeout), Ttl = Ttl, Labels = UseRenewal.Labels };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Begun);
        LeaseAnswer answer;
        try
        {
            answer = await broker.AllocateAsync(asker, request, stop.Token);
        }
        catch (OperationCanceledException) when (drain.Begun.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            await context.WriteErrorAsync(LeaseErrors.Draining());
            return;
        }

        if (answer.Lease is { } lease)
            await LeaseAnswers.WriteReadyAsync(context, broker, lease, () => Task.FromResult<object?>(body.Type is null ? LegacyShapes.MapOf(lease, doors) : LegacyShapes.Of(lease, lease.Value.Holdings[0], doors)), StatusCodes.Status200OK);
        else if (answer.Error!.Code == "wait_expired")
            await context.WriteErrorAsync(ApiError.Unavailable(answer.Error.Message, TimeSpan.FromSeconds(1), "wait_expired"));
        else
            await context.WriteErrorAsync(answer.Error.ToApiError());
    }

    private async Task ReleaseAsync(HttpContext context)
    {
        var (body, wrong) = await context.Request.ReadJsonAsync<ReleaseBody>();
        wrong ??= body!.ResourceId is { Length: > 0 and <= 300 } ? null : ApiError.Malformed("The body needs a text 'resource_id'.", "resource_id");
        wrong ??= body!.WorkerId is null ? ApiError.Malformed("The body needs a text 'worker_id': the worker that holds the resource.", "worker_id") : LeaseBody.FaultOfWorker(body.WorkerId);
        if (wrong is not null)
        {
            await context.WriteErrorAsync(wrong);
            return;
        }

        var (id, worker, asker) = (body!.ResourceId!, body.WorkerId!, context.GetCaller().ToAsker());
        // As it is stored: whoever allocated at another replica a moment ago may give back here.
        if (await store.ReadAsync(partition, LeaseDocuments.Resources + id, context.RequestAborted) is not { } document || LeaseDocuments.ReadResource(document.Body.Span) is not { } resource)
        {
            await context.WriteErrorAsync(ApiError.NotFound("There is no such resource; GET /v1/resources lists those there are."));
            return;
        }

        var lease = resource.Lease is { } holder ? await FindAsync(holder, context.RequestAborted) : null;
        // The commit that gave it back wrote its document too: whoever has read that far knows of it.
        if (lease is null)
            await view.WhenAsync(document.Version, SeenWithin, context.RequestAborted);
        if (lease is null && HeldLast(asker, id, worker))
        {
            await context.Response.WriteJsonAsync(new ReleasedView("releasing"));
            return;
        }

        if (lease is null || lease.WorkerId != worker || (lease.Tenant != asker.Tenant && !asker.IsAdmin))
        {
            await context.WriteErrorAsync(new ApiError(403, "not_holder", $"The worker '{worker}' does not hold '{id}': only the one that does may give it back."));
            return;
        }

        if (await broker.ReleaseAsync(asker, lease.Id, null, [id], context.RequestAborted) is { } error)
            await context.WriteErrorAsync(error.ToApiError());
        else
            await context.Response.WriteJsonAsync(new ReleasedView("releasing"));
    }

    private async Task<LeaseRecord?> FindAsync(string id, CancellationToken cancellationToken) =>
        await store.ReadAsync(partition, LeaseDocuments.Leases + id, cancellationToken) is { } document ? LeaseDocuments.ReadLease(document.Body.Span) : null;

    // A release that comes twice is no error while the lease is remembered.
    private bool HeldLast(LeaseAsker asker, string resource, string worker) => view.Leases.Any(lease =>
        lease.Value.Tenant == asker.Tenant && lease.Value.WorkerId == worker
        && lease.Value.GaveBack(resource));

    private async Task StatusAsync(HttpContext context)
    {
        await view.KnownAsync(context.RequestAborted);
        await desk.MadeAsync(context.RequestAborted);
        var asker = context.GetCaller().ToAsker();
        var kinds = desk.Status().Where(kind => asker.IsAdmin || asker.MayUseKind?.Invoke(kind.Name) != false).ToDictionary(
            kind => kind.Name,
            kind => new LegacyKind(
                kind.Total, kind.Free, kind.Leased + kind.Resetting, kind.Quarantined, kind.Allocations, kind.Releases,
                view.Resources(kind.Name).ToDictionary(resource => resource.Value.Id, resource => WordOf(resource.Value.State), StringComparer.Ordinal)),
            StringComparer.Ordinal);
        await context.Response.WriteJsonAsync(kinds);
    }

    private static string WordOf(ResourceState state) => state switch
    {
        ResourceState.Free => "free",
        ResourceState.Leased => "occupied",
        ResourceState.Resetting => "resetting",
        _ => "error",
    };

    [JsonNumberHandling(JsonNumberHandling.Strict)]
    private sealed record AllocateBody
    {
        private const double Longest = 86400;

        /// <summary>Who will use it.</summary>
        public string? WorkerId { get; init; }

        /// <summary>How long to wait, in seconds, 0 to 86400. Default: 60.</summary>
        public double Timeout { get; init; } = 60;

        /// <summary>One kind: the answer is its resource alone.</summary>
        public string? Type { get; init; }

        /// <summary>Several kinds, all at once.</summary>
        public IReadOnlyList<string?>? ResourceTypes { get; init; }

        public ApiError? Fault()
        {
            if (WorkerId is null)
                return ApiError.Malformed("The body needs a text 'worker_id'.", "worker_id");
            if (LeaseBody.FaultOfWorker(WorkerId) is { } worker)
                return worker;
            if ((Type is null) == (ResourceTypes is null))
                return ApiError.Malformed("The body needs 'type' (one kind) or 'resource_types' (a list of kinds), not both.", "resource_types");
            if (Type is { Length: 0 })
                return ApiError.Unprocessable("'type' is empty: name a kind; GET /status lists them.", "type");
            if (ResourceTypes is { Count: > 256 })
                return ApiError.Unprocessable($"A lease holds at most 256 resources; this asks for {ResourceTypes.Count}.", "resource_types");
            return Timeout is >= 0 and <= Longest ? null : ApiError.Unprocessable($"'timeout' takes 0 to {Longest:0} seconds.", "timeout");
        }
    }

    private sealed record ReleaseBody(string? ResourceId = null, string? WorkerId = null);

    /// <param name="Status">Always <c>releasing</c>: it is the worker's no longer, and is made clean.</param>
    private sealed record ReleasedView(string Status);

    /// <param name="Total">Resources there are.</param>
    /// <param name="Free">May be given out.</param>
    /// <param name="Occupied">Held, or being made clean.</param>
    /// <param name="Error">Quarantined.</param>
    /// <param name="Allocations">By this replica since its start.</param>
    /// <param name="Releases">The same.</param>
    /// <param name="Statuses">By resource id: free, occupied, resetting or error.</param>
    private sealed record LegacyKind(int Total, int Free, int Occupied, int Error, long Allocations, long Releases, IReadOnlyDictionary<string, string> Statuses);
}
