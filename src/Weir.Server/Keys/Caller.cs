using Microsoft.AspNetCore.Http;

namespace Weir.Server.Keys;

/// <summary>Who a request comes from. Immutable and made once per key, not per request; what counts lives in <see cref="State"/>.</summary>
internal sealed class Caller
{
    private readonly string[]? _routes;
    private readonly string[]? _kinds;

    public Caller(KeyRecord record, KeyState state)
        : this(record.Id, record.Tenant, ParseRoles(record.Roles), state)
    {
        Expires = record.Expires;
        MaxPriority = record.MaxPriority ?? 9;
        RequestsPerMinute = record.RequestsPerMinute;
        TokensPerMinute = record.TokensPerMinute;
        MaxInFlight = record.MaxInFlight;
        Spend = record.Spend;
        _routes = record.Routes?.ToArray();
        _kinds = record.Kinds?.ToArray();
    }

    private Caller(string keyId, string tenant, Role roles, KeyState state)
    {
        KeyId = keyId;
        Tenant = tenant;
        Roles = Keys.Roles.Expand(roles);
        State = state;
    }

    /// <summary>A key's id; <c>loopback</c> for a keyless caller, <c>admin</c> for the admin key of this replica.</summary>
    public string KeyId { get; }

    /// <summary>Whom what the caller makes belongs to.</summary>
    public string Tenant { get; }

    /// <summary>With what each role includes.</summary>
    public Role Roles { get; }

    /// <summary>A caller without a key on a loopback address.</summary>
    public bool IsLoopback { get; private init; }

    /// <summary>The highest priority it may use, 0 to 9.</summary>
    public int MaxPriority { get; } = 9;

    public DateTimeOffset? Expires { get; }

    public int? RequestsPerMinute { get; }

    public int? TokensPerMinute { get; }

    public int? MaxInFlight { get; }

    public SpendLimit? Spend { get; }

    /// <summary>The key's counters: the same object however often the key's record changes.</summary>
    public KeyState State { get; }

    public bool Has(Role role) => (Roles & role) != 0;

    /// <summary>No list of routes bounds it.</summary>
    public bool HasAllRoutes => _routes is null;

    /// <summary>Whether the key may send requests to this model name: a route, or <c>provider/model</c>.</summary>
    public bool MayUseRoute(string name) => Matches(_routes, name);

    /// <summary>The same to hand on: made once per key.</summary>
    public Func<string, bool> MayUse => field ??= MayUseRoute;

    public bool MayUseKind(string kind) => Matches(_kinds, kind);

    public static Caller Loopback(KeyState state) =>
        new("loopback", "local", Role.App | Role.Worker | Role.Node, state) { IsLoopback = true };

    public static Caller LocalAdmin(KeyState state) => new("admin", "admin", Role.Admin, state);

    private static bool Matches(string[]? patterns, string name)
    {
        if (patterns is null) return true;

        foreach (var pattern in patterns)
        {
            if (pattern.EndsWith('*')
                ? name.AsSpan().StartsWith(pattern.AsSpan(0, pattern.Length - 1), StringComparison.Ordinal)
                : string.Equals(pattern, name, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    // A role that this version does not know gives nothing.
    private static Role ParseRoles(IReadOnlyList<string> names) =>
        names.Aggregate(Role.None, (roles, name) => roles | (Keys.Roles.Parse(name) ?? Role.None));
}

internal static class CallerFeature
{
    /// <summary>The authenticated caller.</summary>
    /// <exception cref="InvalidOperationException">The endpoint is open to anyone, so nobody was authenticated.</exception>
    public static Caller GetCaller(this HttpContext context) =>
        context.Features.Get<Caller>()
        ?? throw new InvalidOperationException("Nobody was authenticated: the endpoint does not require a role.");
}
