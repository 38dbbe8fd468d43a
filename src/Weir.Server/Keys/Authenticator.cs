using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http;
using Weir.Server.Errors;

namespace Weir.Server.Keys;

/// <summary>Who calls: a hash and a lookup, without I/O.</summary>
internal sealed class Authenticator(KeyRing ring, AuthenticationOptions options, TimeProvider time)
{
    private static readonly ApiError Starting =
        ApiError.Unavailable("The server has not read its keys yet.", TimeSpan.FromSeconds(1), "starting");

    public bool TryAuthenticate(HttpContext context, [NotNullWhen(true)] out Caller? caller, [NotNullWhen(false)] out ApiError? error)
    {
        caller = null;
        error = null;
        if (ring.Table is not { } table)
        {
            error = Starting;
            return false;
        }

        var presented = Presented(context.Request.Headers);
        if (!presented.IsEmpty && ring.TryFind(presented, table, out caller))
        {
            if (caller.Expires is not { } at || at > time.GetUtcNow()) return true;
            error = ApiError.KeyExpired(at);
            return false;
        }

        // Official SDKs always send some bearer: where none is needed, an unknown one means nothing.
        if (options.ListensOnLoopback && !table.ClosesLoopback && LoopbackRule.Allows(context))
        {
            caller = ring.Loopback;
            return true;
        }

        error = presented.IsEmpty ? ApiError.KeyMissing() : ApiError.KeyUnknown();
        return false;
    }

    private static ReadOnlySpan<char> Presented(IHeaderDictionary headers)
    {
        var authorization = headers.Authorization;
        if (authorization.Count == 1 && authorization[0] is { } value)
        {
            var span = value.AsSpan();
            return span.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? span[7..].Trim() : default;
        }

        var apiKey = headers["x-api-key"];
        return apiKey.Count == 1 ? apiKey[0].AsSpan().Trim() : default;
    }
}

/// <summary>What authentication needs to know of the configuration.</summary>
/// <param name="ListensOnLoopback">Whether every address the server listens on is loopback.</param>
internal sealed record AuthenticationOptions(bool ListensOnLoopback);
