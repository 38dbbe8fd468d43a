using System.Net;

namespace Weir.Client;

/// <summary>What Weir refused or could not do, or that it could not be reached.</summary>
public sealed class WeirException : Exception
{
    public WeirException()
    {
    }

    public WeirException(string message)
        : base(message)
    {
    }

    public WeirException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Null: there was no answer.</summary>
    public HttpStatusCode? Status { get; init; }

    /// <summary>Stable, in snake_case; <c>unreachable</c> and <c>timeout</c> where there was no answer, <c>invalid_answer</c> where it was none of Weir's.</summary>
    public string Code { get; init; } = "unknown";

    /// <summary>The field at fault. Null: none in particular.</summary>
    public string? Param { get; init; }

    /// <summary>When asking again may help. Null: it was not said.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Under which the server's log has the request. Null: it was not said.</summary>
    public string? RequestId { get; init; }
}
