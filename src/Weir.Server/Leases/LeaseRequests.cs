using Microsoft.AspNetCore.Http;
using Weir.Leases.Broker;
using Weir.Server.Endpoints;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;

namespace Weir.Server.Leases;

/// <summary>A request for a lease, whole: body and headers.</summary>
/// <param name="Request">For the broker.</param>
/// <param name="Observe">The answer is to hold what is seen first.</param>
internal sealed record AskedLease(LeaseRequest Request, bool Observe);

/// <summary>Reads what is asked for.</summary>
internal static class LeaseRequests
{
    private const string IdempotencyKey = "Idempotency-Key";
    private const int LongestKey = 255;

    /// <returns>What is asked for, or what is wrong with it; exactly one is null.</returns>
    public static async ValueTask<(AskedLease? Asked, ApiError? Error)> ReadAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (!InferenceEndpoints.TryReadHeaders(headers, context.GetCaller(), out var priority, out var timeout, out var wrong) || !TryReadKey(headers, out var key, out wrong))
            return (null, wrong);
        var (body, malformed) = await context.Request.ReadJsonAsync<LeaseBody>(LeaseBody.Takes);
        if (body is null)
            return (null, malformed);
        var (request, fault) = body.Read(headers.ContainsKey("x-weir-priority") ? priority : null, timeout);
        return request is null ? (null, fault) : (new AskedLease(request with { IdempotencyKey = key, Asynchronous = PrefersAsync(headers) }, body.Observe), null);
    }

    private static bool TryReadKey(IHeaderDictionary headers, out string? key, out ApiError error)
    {
        (key, error) = (null, null!);
        if (!headers.TryGetValue(IdempotencyKey, out var values))
            return true;
        if (values is not [{ Length: > 0 and <= LongestKey } one] || one.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            error = ApiError.Malformed($"{IdempotencyKey} takes 1 to {LongestKey} plain characters, once.");
            return false;
        }

        key = one;
        return true;
    }

    // RFC 7240: preferences are separated by commas, each may have parameters, and what is not known is passed over.
    private static bool PrefersAsync(IHeaderDictionary headers) => headers["Prefer"]
        .SelectMany(line => (line ?? "").Split(',')).Any(preference => preference.Split(';')[0].Trim().Equals("respond-async", StringComparison.OrdinalIgnoreCase));
}
