using Weir.Leases.Documents;

namespace Weir.Leases.Upkeep;

/// <summary>From one state of a resource to the next. Each clears what only the old state had.</summary>
internal static class ResourceSteps
{
    public static ResourceRecord Freed(this ResourceRecord record, ResourceInstance? instance) => record with
    {
        State = ResourceState.Free, Lease = null, Instance = instance, Claim = null, Reason = null, Held = false, Failures = 0, RetryAt = null,
    };

    /// <param name="record">The resource.</param>
    /// <param name="claim">Null: whoever may resets it.</param>
    public static ResourceRecord Resetting(this ResourceRecord record, ResourceClaim? claim) => record with
    {
        State = ResourceState.Resetting, Lease = null, Claim = claim, Reason = null, Held = false, RetryAt = null,
    };

    /// <summary>By itself, after a failure.</summary>
    /// <param name="record">The resource.</param>
    /// <param name="reason">What failed.</param>
    /// <param name="retryAt">When it is reset again. Null: once a check says that it is well.</param>
    public static ResourceRecord Failed(this ResourceRecord record, string reason, DateTimeOffset? retryAt) => record with
    {
        State = ResourceState.Quarantined, Lease = null, Reason = reason, Held = false, Failures = record.Failures + 1, RetryAt = retryAt,
    };

    /// <summary>By an operator. A claim stands: what is under way may still have effects.</summary>
    public static ResourceRecord Withheld(this ResourceRecord record, string reason) => record with
    {
        State = ResourceState.Quarantined, Lease = null, Reason = reason, Held = true, RetryAt = null,
    };

    /// <summary>Nobody but <paramref name="replica"/> may touch it now. A home alone works on its resources, so that a claim on those is only its own.</summary>
    public static bool IsClaimedByAnother(this ResourceRecord record, string replica, DateTimeOffset now) =>
        record.Home is null && record.Claim is { } claim && claim.Replica != replica && claim.Until > now;
}
