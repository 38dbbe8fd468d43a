using Microsoft.AspNetCore.Http;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>Serves a request to a door: checks it, and hands it to the kind, or to the replica where the resource lives.</summary>
public sealed class DoorServing
{
    /// <summary>Says that a replica sent this on: it is not sent on again.</summary>
    private const string SentOnBy = "x-weir-sent-on-by";

    private static readonly LeaseError Busy =
        new(429, "door_busy", $"{DoorTraffic.MostAtOnce} requests to this resource are under way already: let some of them end.") { RetryAfter = TimeSpan.FromSeconds(1) };

    private readonly ResourceDoors _doors;
    private readonly ISessionRights _rights;
    private readonly DoorTraffic _traffic;
    private readonly ResourceKinds _kinds;
    private readonly IHomes _homes;
    private readonly Forwarder _forwarder;
    private readonly PrepareCalls _prepare;
    private readonly LocalKinds _local;
    private readonly DoorMetrics _metrics;

    internal DoorServing(
        ResourceDoors doors, ISessionRights rights, DoorTraffic traffic, ResourceKinds kinds, IHomes homes, Forwarder forwarder, PrepareCalls prepare, LocalKinds local, DoorMetrics metrics) =>
        (_doors, _rights, _traffic, _kinds, _homes, _forwarder, _prepare, _local, _metrics) = (doors, rights, traffic, kinds, homes, forwarder, prepare, local, metrics);

    /// <param name="context">The request; its path begins with the door's.</param>
    /// <param name="resourceId">Whose door.</param>
    public async Task ServeAsync(HttpContext context, string resourceId)
    {
        var token = DoorRequest.TakeToken(context.Request);
        if (DoorRequest.Read(context, resourceId) is not { } door)
        {
            await context.WriteErrorAsync(new LeaseError(400, "malformed", "The path may not hold '.' or '..', a fragment, or characters that are not escaped."));
            return;
        }

        var purpose = PrepareCalls.IsOne(door) ? DoorPurpose.Prepare : DoorPurpose.Use;
        var (resource, error) = await _doors.EnterAsync(resourceId, token, purpose, context.RequestAborted);
        if (resource is not null && purpose == DoorPurpose.Use && _rights.Refusal(resource.Session) is { } refusal)
            (resource, error) = (null, refusal);
        using var passage = resource is null ? null : _traffic.Pass(resource, purpose);
        if (passage is null)
        {
            error ??= Busy;
            _metrics.Refused(error);
            await context.WriteErrorAsync(error);
            return;
        }

        _metrics.Entered(resource!.Resource.Kind);
        await UntilCutAsync(context, passage, () => HandOnAsync(context, door, resource, token!));
    }

    private async Task HandOnAsync(HttpContext context, DoorRequest door, LeasedResource resource, string token)
    {
        var home = resource.Resource.Home;
        if (home is not null && home != _homes.Own)
        {
            await SendOnAsync(context, door, resource, home, token);
            return;
        }

        if (_kinds.Of(resource.Resource.Kind) is not { } kind)
        {
            await context.WriteErrorAsync(new LeaseError(503, "unavailable", $"This replica does not know resources of kind '{resource.Resource.Kind}'."));
            return;
        }

        var (standing, error) = await _local.WithInstanceAsync(resource, context.RequestAborted);
        if (error is not null)
        {
            await context.WriteErrorAsync(error);
            return;
        }

        if (PrepareCalls.IsOne(door))
        {
            await _prepare.ServeAsync(context, door, standing);
            return;
        }

        var request = context.Request;
        request.PathBase = door.Prefix;
        request.Path = request.Path.StartsWithSegments(door.Prefix, out var rest) ? rest : Uri.UnescapeDataString(door.Path);
        context.Features.Set(door);
        await kind.ServeAsync(context, standing);
    }

    private async Task SendOnAsync(HttpContext context, DoorRequest door, LeasedResource resource, string home, string token)
    {
        if (_homes.AddressOf(home) is not { } address || context.Request.Headers.ContainsKey(SentOnBy))
        {
            await context.WriteErrorAsync(HomeCalls.Away(resource.Resource));
            return;
        }

        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { [DoorRequest.TokenHeader] = token, [SentOnBy] = _homes.Own };
        var target = new ForwardTarget(new Uri(address, $"{address.AbsolutePath.TrimEnd('/')}{door.Prefix}"), headers) { Name = $"The replica where {resource.Resource.Id} lives" };
        await _forwarder.ForwardAsync(context, door, target);
    }

    /// <summary>Runs with a token that is also cancelled when the right to be here ends.</summary>
    private async Task UntilCutAsync(HttpContext context, DoorPassage passage, Func<Task> serve)
    {
        var gone = context.RequestAborted;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(gone, passage.Cut);
        context.RequestAborted = either.Token;
        try
        {
            await serve();
        }
        catch (Exception fault) when (passage.Cut.IsCancellationRequested && !gone.IsCancellationRequested && fault is OperationCanceledException or IOException or HttpRequestException)
        {
            // Told below.
        }
        finally
        {
            context.RequestAborted = gone;
        }

        if (!passage.Cut.IsCancellationRequested || gone.IsCancellationRequested)
            return;
        _metrics.WasCut(passage.Error!);
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.Clear();
        await context.WriteErrorAsync(passage.Error!);
    }
}
