using Weir.Leases;
using Weir.Server.Errors;

namespace Weir.Server.Leases;

/// <summary>Errors of leases as the edge writes them.</summary>
internal static class LeaseErrors
{
    public static ApiError ToApiError(this LeaseError error) => new(error.Status, error.Code, error.Message)
    {
        Param = error.Param,
        RetryAfter = error.RetryAfter,
        // What the client sent stays as wrong as it is; of all else the SDKs judge by the status.
        ShouldRetry = error.Status is >= 400 and < 500 and not (408 or 409 or 425 or 429) ? false : null,
    };

    public static ApiError NoLease() => ApiError.NotFound("There is no lease of that id here. GET /v1/leases lists those of this key's tenant; one that has ended is forgotten after a while.");

    public static ApiError EndedBeforeItWasTold() =>
        new(410, "lease_ended", "The lease ended before what it shows was there. Ask for a longer ttl, or without 'observe', and look afterwards.") { ShouldRetry = false };

    public static ApiError Draining() => ApiError.Unavailable("The server is stopping and grants no more leases; send this to another replica or try again.", TimeSpan.FromSeconds(2), "draining");
}
