namespace Weir.Server.Errors;

/// <summary>What went wrong with one request, before any shape is given to it.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">Stable, snake_case; programs decide by it.</param>
/// <param name="Message">What was wrong, where, and what to do. Never a secret, never a stack trace.</param>
internal sealed record ApiError(int Status, string Code, string Message)
{
    /// <summary>OpenAI's and Anthropic's <c>error.type</c>. Null: derived from the status.</summary>
    public string? Type { get; init; }

    /// <summary>The field at fault, as a path in the body. Null: none in particular.</summary>
    public string? Param { get; init; }

    /// <summary>Sent as <c>Retry-After</c>, rounded up to whole seconds. Null: no such header.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Sent as <c>x-should-retry</c>, which the official SDKs obey. Null: no such header, they judge by the status.</summary>
    public bool? ShouldRetry { get; init; }

    public static ApiError Malformed(string message, string? param = null) =>
        new(400, "malformed", message) { Param = param };

    public static ApiError KeyMissing() =>
        new(401, "key_missing", "This server needs a key: send 'Authorization: Bearer weir_…' or 'x-api-key: weir_…'. 'weir keys create' makes one.");

    public static ApiError KeyUnknown() =>
        new(401, "key_unknown", "The key is not known here: it was mistyped, revoked, or made for another server. 'weir keys list' shows the known ones.");

    public static ApiError KeyExpired(DateTimeOffset at) =>
        new(401, "key_expired", $"The key expired at {at.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}. Ask an admin for a new one.");

    public static ApiError Forbidden(string needed, bool keyless) => new(403, "role_missing", keyless
        ? $"Without a key this may not be done: it takes one with the role {needed}. The admin key of this server is in its data folder, in admin.key."
        : $"The key is known but may not do this: it takes the role {needed}.");

    public static ApiError NotFound(string message, string code = "not_found") => new(404, code, message);

    public static ApiError Conflict(string message, string code = "conflict") => new(409, code, message);

    public static ApiError Unprocessable(string message, string? param = null, string code = "invalid_value") =>
        new(422, code, message) { Param = param };

    public static ApiError Unavailable(string message, TimeSpan retryAfter, string code = "unavailable") =>
        new(503, code, message) { RetryAfter = retryAfter };
}
