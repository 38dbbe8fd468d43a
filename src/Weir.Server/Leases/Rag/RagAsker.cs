using Weir.Leases;
using Weir.Leases.Kinds;
using Weir.Retrieval.Embedding;
using Weir.Server.Errors;
using Weir.Server.Keys;
using Weir.Server.Retrieval;

namespace Weir.Server.Leases.Rag;

/// <summary>On whose account a session searches: that of the key which allocated it, for as long as it is there.</summary>
internal sealed class RagAsker(SessionCallers callers, KeyLimits limits)
{
    /// <inheritdoc cref="SessionCallers.Find"/>
    public (Caller? Caller, LeaseError? Error) Find(LeaseSession session) => callers.Find(session);

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
