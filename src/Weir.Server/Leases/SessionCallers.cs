using Weir.Leases;
using Weir.Leases.Doors;
using Weir.Leases.Kinds;
using Weir.Server.Keys;

namespace Weir.Server.Leases;

/// <summary>On whose account a session goes: that of the key which allocated it, for as long as it is there.</summary>
internal sealed class SessionCallers(KeyRing ring, TimeProvider time) : ISessionRights
{
    event Action? ISessionRights.Changed
    {
        add => ring.Published += value;
        remove => ring.Published -= value;
    }

    LeaseError? ISessionRights.Refusal(LeaseSession session) => Find(session).Error;

    /// <returns>The caller; else why there is none.</returns>
    public (Caller? Caller, LeaseError? Error) Find(LeaseSession session)
    {
        if (ring.Table is not { } table)
            return (null, new LeaseError(503, "starting", "The server has not read its keys yet.") { RetryAfter = TimeSpan.FromSeconds(1) });
        var caller = session.KeyId == ring.LocalAdmin.KeyId ? ring.LocalAdmin
            // The first app key closes the door for those without one.
            : session.KeyId == ring.Loopback.KeyId ? (table.ClosesLoopback ? null : ring.Loopback)
            : table.Find(session.KeyId);
        return caller is null ? (null, new LeaseError(403, "key_revoked", "The key that allocated this lease is gone: allocate with another."))
            : caller.Expires is { } at && at <= time.GetUtcNow() ? (null, new LeaseError(403, "key_expired", "The key that allocated this lease has expired: allocate with another."))
            : (caller, null);
    }
}
