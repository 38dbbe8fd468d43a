using Weir.Leases.Documents;
using Weir.State;

namespace Weir.Leases.Broker;

/// <summary>The errors of leases, each said in one place.</summary>
internal static class LeaseErrors
{
    public const string WaitOver = "wait_expired";
    public const string ClientLeft = "client_left";
    public const string InitialisationFailed = "initialisation_failed";
    public const string Unavailable = "unavailable";
    public const string ReleasedEarly = "released";
    public const string NoSuchKind = "unknown_kind";

    public const string LeaseEnded = "lease_ended";
    public const string ResourceQuarantined = "resource_quarantined";

    public const string KeyRevoked = "key_revoked";
    public const string KeyExpired = "key_expired";

    private const string TooMany = "impossible";
    private const string OverQuota = "quota_exceeded";

    private const int LongestFault = 1000;

    public static LeaseError Invalid(string param, string message) => new(422, "invalid_value", message) { Param = param };

    public static LeaseError UnknownKind(string kind, IEnumerable<string> known) =>
        new(422, NoSuchKind, $"There is no kind '{kind}'. {(string.Join(", ", known) is { Length: > 0 } names ? $"There are: {names}." : "No kinds are configured.")}") { Param = "resources" };

    /// <summary>For whoever asked while it was there. It does not say which there are: not every key may see them all.</summary>
    public static LeaseError KindEnded(string kind) => new(422, NoSuchKind, $"There is no kind '{kind}' any more.") { Param = "resources" };

    public static LeaseError KindNotAllowed(string kind) => new(403, "kind_not_allowed", $"This key may not lease '{kind}'.") { Param = "resources" };

    public static LeaseError Impossible(string kind, int asked, int there) =>
        new(422, TooMany, $"{asked} of '{kind}' were asked for, and there {(there == 1 ? "is" : "are")} {there} in all, free or not.") { Param = "resources" };

    public static LeaseError QuotaExceeded(string kind, int asked, int limit, string of) =>
        new(422, OverQuota, $"{asked} of '{kind}' were asked for, and one {of} may hold {limit} (limits.per_{of}): ask for fewer.") { Param = "resources" };

    /// <param name="what">A resource, or a kind.</param>
    /// <param name="why">What its kind says, which may repeat what a client sent.</param>
    public static LeaseError NotInitialised(string what, string why) =>
        new(422, InitialisationFailed, $"'{what}' could not be initialised: {(why.Length <= LongestFault ? why : why[..LongestFault] + "…")}");

    public static LeaseError QuotaReached(QuotaInTheWay quota) => new(429, "quota_reached", $"Its own quota is in the way: {quota} Give some back, or ask with a 'wait' and stand in line until some are.") { RetryAfter = TimeSpan.FromSeconds(1) };

    public static LeaseError QueueFull(int waiting) => new(429, "queue_full", $"{waiting} leases wait already, as many as may: ask again later.") { RetryAfter = TimeSpan.FromSeconds(5) };

    /// <param name="wait">How long it would have waited.</param>
    /// <param name="quota">What kept it from its turn, whatever was free. Null: it was not that.</param>
    public static LeaseError WaitExpired(TimeSpan wait, QuotaInTheWay? quota = null) => new(504, WaitOver,
        quota is { } own ? $"Its own quota kept it waiting for {wait.TotalSeconds:0.###} s: {own}"
        : wait == TimeSpan.Zero ? "Not all of it is free now, and the request does not wait."
        : $"Not all of it was free within {wait.TotalSeconds:0.###} s.");

    public static LeaseError NotFound(string id) => new(404, "not_found", $"There is no lease '{Shown(id)}' here: it was never this key's, or has ended and is forgotten. Allocate another.");

    public static LeaseError NotHolder(string id) => new(403, "not_holder", $"Lease '{Shown(id)}' was allocated by another key, which alone may use, renew or release it.");

    public static LeaseError FenceStale(string id, long fence) => new(412, "fence_stale", $"{fence} is not the fence of lease '{Shown(id)}', but of an earlier grant or another lease. What was granted under it is held no more: stop using it and allocate anew. The fence of a lease that is still yours is in GET /v1/leases/{Shown(id)}.") { Param = "fence" };

    public static LeaseError Ended(LeaseRecord lease) =>
        new(410, LeaseEnded, $"Lease '{lease.Id}' has ended{(lease is { HasEnded: true, Reason: { } reason } ? $": {reason}" : lease.HasEnded ? "." : ": its time is up.")}");

    public static LeaseError NotReady(LeaseRecord lease) => new(409, "not_ready", $"Lease '{lease.Id}' is {(lease.State == LeaseState.Waiting ? "still waiting" : "being initialised")}: GET /v1/leases/{lease.Id}?wait=30s answers when it is ready or over.");

    public static LeaseError NotHeld(LeaseRecord lease, string resource) => new(404, "not_found", $"Lease '{lease.Id}' holds no resource '{Shown(resource)}'.");

    public static LeaseError Quarantined(string resource) => new(410, ResourceQuarantined, $"Resource '{resource}' was taken out of use.");

    public static LeaseError Mismatch() => new(409, "idempotency_mismatch", "The Idempotency-Key was used for another request. To find the lease of that one, repeat it with the same body and 'Prefer' header; for another lease, take another key.") { Param = "Idempotency-Key" };

    /// <summary>What a lease that never became ready is answered with.</summary>
    public static LeaseError OfFailed(LeaseRecord lease) => lease.FailureCode switch
    {
        WaitOver => new LeaseError(504, WaitOver, lease.Reason ?? "Not all of it was free in time."),
        Unavailable => new LeaseError(503, Unavailable, lease.Reason ?? "The server that worked on it is gone.") { RetryAfter = TimeSpan.FromSeconds(1) },
        KeyRevoked or KeyExpired => new LeaseError(403, lease.FailureCode, lease.Reason ?? "The key that allocated this lease is gone."),
        null or ClientLeft or ReleasedEarly => Ended(lease),
        NoSuchKind or TooMany or OverQuota => new LeaseError(422, lease.FailureCode, lease.Reason ?? "There is not so much of it any more.") { Param = "resources" },
        var code => new LeaseError(422, code, lease.Reason ?? "It could not be initialised."),
    };

    public static StoreUnavailableException StoreAway(string what) => new($"The state store did not answer in time: {what}");

    // An id that a client made up is not repeated at any length.
    private static string Shown(string id) => id.Length <= 100 ? id : id[..100] + "…";
}
