using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>Whether the key that a lease was made with still gives the right to use what the lease holds.</summary>
public interface ISessionRights
{
    /// <summary>Why a session may not use what it holds, as far as is known now. Null: it may. Called often; must not block.</summary>
    LeaseError? Refusal(LeaseSession session);

    /// <summary>What refuses sessions has changed: what they have under way is to be judged anew. Raised on whatever thread found out; must not block.</summary>
    event Action? Changed;
}
