using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Server.Leases;

/// <summary>
/// Renews leases whose clients know of no renewal: those made through AgentFlow's paths carry a label that says so, and each use of a door that went well puts
/// their end off once a third of their time has passed.
/// </summary>
internal sealed partial class UseRenewal(ILeaseBroker broker, IFleetView view, IStateStore store, ILogger<UseRenewal> log)
{
    private const string Label = "renewed_by";
    private const string Use = "use";

    private readonly ConcurrentDictionary<string, bool> _underway = new(StringComparer.Ordinal);

    /// <summary>What such a lease is made with.</summary>
    public static IReadOnlyDictionary<string, string> Labels { get; } = new Dictionary<string, string> { [Label] = Use };

    /// <summary>A request through a resource's door has been answered.</summary>
    public void Used(string resourceId, int status)
    {
        // Below that the door let it in; a refusal of the resource itself renews nothing either, and the next use does.
        if (status >= StatusCodes.Status400BadRequest || view.Resource(resourceId) is not { Value.Lease: { } id } || view.Lease(id) is not { Value: { State: LeaseState.Ready } lease })
            return;
        if (lease.Labels?.GetValueOrDefault(Label) == Use && lease.EndsAt - store.Clock.Now <= lease.Ttl * (2.0 / 3) && _underway.TryAdd(id, true))
            _ = RenewAsync(lease);
    }

    private async Task RenewAsync(LeaseRecord lease)
    {
        try
        {
            await broker.RenewAsync(new LeaseAsker(lease.Tenant, lease.KeyId, IsAdmin: false), lease.Id, null, null, CancellationToken.None);
        }
        catch (Exception fault)
        {
            // The next use tries again.
            LogFailed(lease.Id, fault.Message);
        }
        finally
        {
            _underway.TryRemove(lease.Id, out _);
        }
    }

    [LoggerMessage(EventName = "UseRenewalFailed", Level = LogLevel.Warning, Message = "Lease {Lease} is in use and could not be renewed: {Reason}")]
    private partial void LogFailed(string lease, string reason);
}
