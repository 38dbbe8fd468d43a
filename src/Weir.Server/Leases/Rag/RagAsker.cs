using Weir.Leases;
using Weir.Leases.Kinds;
using Weir.Retrieval.Embedding;
using Weir.Server.Errors;
using Weir.Server.Keys;
using Weir.Server.Retrieval;

namespace Weir.Server.Leases.Rag;

/// <summary>On whose account a session searches: that of the key which allocated it, for as long as it is there.</summary>
internal sealed class RagAsker(KeyRing ring, KeyLimits limits, TimeProvider time)
{
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

    /// <summary>Lets one use in, within the limits of the key.</summary>
    /// <param name="session">Whose.</param>
    /// <param name="permit">To dispose when the use has ended. Null where it is refused.</param>
    /// <param name="error">Why it is refused.</param>
    /// <returns>For whom is embedded; null where it is refused.</returns>
    public EmbeddingAsker? TryEnter(LeaseSession session, out KeyPermit? permit, out LeaseError? error)
    {
        permit = null;
        (var caller, error) = Find(session);
        if (caller is null)
            return null;
        if (!limits.TryEnter(caller, 0, out permit, out var refusal))
        {
            error = ToLeaseError(refusal);
            return null;
        }

        return new EmbeddingAsker(session.Tenant, session.KeyId) { Account = new KeyEmbeddingAccount(caller, limits) };
    }

    private static LeaseError ToLeaseError(ApiError error) => new(error.Status, error.Code, error.Message) { Param = error.Param, RetryAfter = error.RetryAfter };
}
