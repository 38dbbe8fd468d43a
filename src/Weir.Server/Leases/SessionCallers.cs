using Weir.Leases;
using Weir.Leases.Doors;
using Weir.Leases.Kinds;
using Weir.Server.Keys;

namespace Weir.Server.Leases;

/// <summary>On whose account a session goes: that of the key which allocated it, for as long as it is there.</summary>
internal sealed class SessionCallers(KeyRing ring, KeyStore store, TimeProvider time) : ISessionRights
{
    event Action? ISessionRights.Changed
    {
        add => ring.Published += value;
        remove => ring.Published -= value;
    }

    LeaseError? ISessionRights.Refusal(LeaseSession session) => Find(session).Error;

    LeaseError? ISessionRights.EndOf(string key) => ring.Table is { } table && !IsBuiltIn(key) ? FaultOf(table.Find(key)) : null;

    async Task<bool> ISessionRights.IsGoneAsync(string key, CancellationToken cancellationToken) => !IsBuiltIn(key) && await store.IsGoneAsync(key, cancellationToken);

    /// <returns>The caller; else why there is none.</returns>
    public (Caller? Caller, LeaseError? Error) Find(LeaseSession session)
    {
        if (ring.Table is not { } table)
            return (null, new LeaseError(503, "starting", "The server has not read its keys yet.") { RetryAfter = TimeSpan.FromSeconds(1) });
        var caller = session.KeyId == ring.LocalAdmin.KeyId ? ring.LocalAdmin
            // The first app key closes the door for those without one.
            : session.KeyId == ring.Loopback.KeyId ? (table.ClosesLoopback ? null : ring.Loopback)
            : table.Find(session.KeyId);
        return FaultOf(caller) is { } fault ? (null, fault) : (caller, null);
    }

    // They are in no table: they come and go with the settings of a server.
    private bool IsBuiltIn(string key) => key == ring.LocalAdmin.KeyId || key == ring.Loopback.KeyId;

    private LeaseError? FaultOf(Caller? caller) => caller is null ? new LeaseError(403, "key_revoked", "The key that allocated this lease is gone: allocate with another.")
        : caller.Expires is { } at && at <= time.GetUtcNow() ? new LeaseError(403, "key_expired", "The key that allocated this lease has expired: allocate with another.")
        : null;
}
