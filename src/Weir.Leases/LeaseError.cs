namespace Weir.Leases;

/// <summary>Why something could not be done, as a value; the server's edge makes an answer of it.</summary>
/// <param name="Status">The HTTP status that says it.</param>
/// <param name="Code">Stable, in snake_case.</param>
/// <param name="Message">What was wrong, where, and what to do.</param>
public sealed record LeaseError(int Status, string Code, string Message)
{
    /// <summary>The field at fault; null: none in particular.</summary>
    public string? Param { get; init; }

    /// <summary>When asking again may help; null: it will not, or nobody knows.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
