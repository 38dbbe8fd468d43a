using Weir.Server.Errors;

namespace Weir.Server.Keys;

/// <summary>The body of <c>POST /v1/keys</c>.</summary>
internal sealed record KeyRequest
{
    /// <summary>1 to 100 characters, for people. Default: the first role.</summary>
    public string? Name { get; init; }

    /// <summary>One or more of <c>app</c>, <c>worker</c>, <c>node</c>, <c>admin</c>. Default: <c>app</c>.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    /// <summary>Whom what it makes belongs to: 1 to 64 of letters, digits, <c>.</c>, <c>_</c>, <c>-</c>. Default: the key's own id.</summary>
    public string? Tenant { get; init; }

    /// <summary>From then on it is refused. Null: never.</summary>
    public DateTimeOffset? Expires { get; init; }

    public int? RequestsPerMinute { get; init; }

    public int? TokensPerMinute { get; init; }

    public int? MaxInFlight { get; init; }

    public SpendLimit? Spend { get; init; }

    /// <summary>0 to 9.</summary>
    public int? MaxPriority { get; init; }

    public IReadOnlyList<string>? Routes { get; init; }

    public IReadOnlyList<string>? Kinds { get; init; }

    /// <summary>Null when all is well; else the first thing that is not, and how to mend it.</summary>
    public ApiError? Fault(DateTimeOffset now)
    {
        if (Name is { } name && (name.Length is 0 or > 100 || name.Any(char.IsControl)))
            return ApiError.Unprocessable("name takes 1 to 100 printable characters.", "name");
        if (Roles is { Count: 0 }) return ApiError.Unprocessable("roles names none; leave it out for 'app'.", "roles");
        foreach (var role in Roles ?? [])
        {
            if (role is null || Keys.Roles.Parse(role) is null)
                return ApiError.Unprocessable($"There is no role '{role}'. The roles are app, worker, node and admin.", "roles");
        }

        if (Tenant is { } tenant && (tenant.Length is 0 or > 64 || !tenant.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-')))
            return ApiError.Unprocessable("tenant takes 1 to 64 letters, digits, '.', '_' or '-'.", "tenant");
        if (Expires is { } expires && expires <= now) return ApiError.Unprocessable("expires lies in the past.", "expires");
        if (RequestsPerMinute is < 1) return AtLeastOne("requests_per_minute");
        if (TokensPerMinute is < 1) return AtLeastOne("tokens_per_minute");
        if (MaxInFlight is < 1) return AtLeastOne("max_in_flight");
        if (MaxPriority is < 0 or > 9) return ApiError.Unprocessable("max_priority takes 0 to 9.", "max_priority");
        if (Spend is { } spend && spend.Per is not ("day" or "month"))
            return ApiError.Unprocessable("spend.per takes 'day' or 'month'.", "spend.per");
        if (Spend is { Limit: <= 0 }) return ApiError.Unprocessable("spend.limit must be more than 0.", "spend.limit");
        return NamesFault(Routes, "routes") ?? NamesFault(Kinds, "kinds");
    }

    public KeyRecord ToRecord(string id, string secret, DateTimeOffset now)
    {
        IReadOnlyList<string> roles = Roles is { Count: > 0 } ? [.. Roles.Select(r => r.ToLowerInvariant()).Distinct()] : ["app"];
        return new KeyRecord
        {
            Id = id,
            Name = Name ?? roles[0],
            Hash = KeySecret.Hash(secret).ToString(),
            Shown = KeySecret.Shown(secret),
            Roles = roles,
            Tenant = Tenant ?? id,
            Created = now,
            Expires = Expires,
            RequestsPerMinute = RequestsPerMinute,
            TokensPerMinute = TokensPerMinute,
            MaxInFlight = MaxInFlight,
            Spend = Spend,
            MaxPriority = MaxPriority,
            Routes = Routes,
            Kinds = Kinds,
        };
    }

    private static ApiError AtLeastOne(string field) =>
        ApiError.Unprocessable($"{field} must be at least 1; leave it out for no bound.", field);

    private static ApiError? NamesFault(IReadOnlyList<string>? names, string field)
    {
        if (names is null) return null;
        if (names.Count > 1000) return ApiError.Unprocessable($"{field} takes at most 1000 names.", field);
        return names.Any(n => string.IsNullOrWhiteSpace(n) || n.Length > 200 || n.AsSpan(0, n.Length - 1).Contains('*'))
            ? ApiError.Unprocessable($"{field} takes names of 1 to 200 characters, with '*' only at the end of one.", field)
            : null;
    }
}
