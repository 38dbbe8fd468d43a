using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;

namespace Weir.Leases.Broker;

/// <summary>Leases whose keys are gone. Where nothing here knows of keys, none is.</summary>
internal sealed class LeaseKeys(FleetView view, IServiceProvider services)
{
    // Rights belong to the doors, which stand on the view, and are asked for when they are first needed.
    private readonly Lazy<ISessionRights?> _rights = new(services.GetService<ISessionRights>);

    /// <summary>As far as is known here, which may be behind: enough to pass a lease over, not to end it.</summary>
    public bool SeemsGone(LeaseRecord lease) => _rights.Value?.EndOf(lease.KeyId) is not null;

    /// <summary>Whether the key of a lease is gone by what the store has now.</summary>
    public Task<bool> IsGoneAsync(LeaseRecord lease, CancellationToken cancellationToken) =>
        _rights.Value is { } rights ? rights.IsGoneAsync(lease.KeyId, cancellationToken) : Task.FromResult(false);

    /// <summary>Those who wait, and what they hold, with keys that seem to be gone. What is being granted is left to become ready first.</summary>
    /// <param name="most">How many at most.</param>
    /// <param name="concerns">Which leases are looked at.</param>
    public List<(Stored<LeaseRecord> Lease, LeaseError Fault)> Without(int most, Func<LeaseRecord, bool> concerns)
    {
        var found = new List<(Stored<LeaseRecord>, LeaseError)>();
        if (_rights.Value is not { } rights)
            return found;
        // There are few keys and maybe thousands of leases.
        var faults = new Dictionary<string, LeaseError?>(StringComparer.Ordinal);
        lock (view.Sync)
        {
            foreach (var (_, id) in view.Tables.Ends)
            {
                if (found.Count == most)
                    break;
                var lease = view.Tables.Leases[id];
                if (!faults.TryGetValue(lease.Value.KeyId, out var fault))
                    faults.Add(lease.Value.KeyId, fault = rights.EndOf(lease.Value.KeyId));
                if (fault is not null && lease.Value.State is (LeaseState.Waiting or LeaseState.Ready) && !view.Tables.IsUnderway(id) && concerns(lease.Value))
                    found.Add((lease, fault));
            }
        }

        return found;
    }
}
