using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>Whether the key that a lease was made with still gives the right to use what the lease holds.</summary>
public interface ISessionRights
{
    /// <summary>Why a session may not use what it holds, as far as is known now. Null: it may. Called often; must not block.</summary>
    LeaseError? Refusal(LeaseSession session);

    /// <summary>
    /// Why a key is gone: 403 <c>key_revoked</c> or <c>key_expired</c>. Null: it is there, or keys have not been read yet, or it stands for callers without a key, who need none. As far as is known
    /// here: one that was made at another replica may only not be known yet. Called often; must not block.
    /// </summary>
    LeaseError? EndOf(string key);

    /// <summary>Whether a key is gone by what the store has now, for what cannot be taken back.</summary>
    /// <exception cref="State.StoreUnavailableException">The store is away.</exception>
    Task<bool> IsGoneAsync(string key, CancellationToken cancellationToken);

    /// <summary>What refuses sessions has changed: what they have under way is to be judged anew. Raised on whatever thread found out; must not block.</summary>
    event Action? Changed;
}
