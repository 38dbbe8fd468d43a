namespace Weir.Inference;

/// <summary>An answer that is not the provider's: what was wrong, where, and what to do. Mapped to a dialect's shape at the edge.</summary>
public sealed record InferenceError(int Status, string Code, string Message)
{
    /// <summary>The part of the request that is at fault; null where none is.</summary>
    public string? Param { get; init; }

    /// <summary>When trying again may help; null where that is not known.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>False when sending the same again cannot help, which official SDKs obey; null leaves it to them.</summary>
    public bool? ShouldRetry { get; init; }

    public static InferenceError Malformed(string message, string? param = null) =>
        new(400, "invalid_request", message) { Param = param, ShouldRetry = false };
}
