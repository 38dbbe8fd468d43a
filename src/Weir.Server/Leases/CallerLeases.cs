using Weir.Leases.Broker;
using Weir.Server.Keys;

namespace Weir.Server.Leases;

internal static class CallerLeases
{
    /// <summary>A caller as the broker sees it.</summary>
    public static LeaseAsker ToAsker(this Caller caller) => new(caller.Tenant, caller.KeyId, caller.Has(Role.Admin))
    {
        MaxPriority = caller.MaxPriority,
        MayUseKind = caller.MayUseKind,
    };
}
