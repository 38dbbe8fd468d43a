namespace Weir.Flow.Admission;

/// <summary>Why a request was not admitted, and when to try again.</summary>
/// <param name="Reason">What stood in the way.</param>
/// <param name="RetryAfter">
/// At least 1 s. Estimated from the rate at which requests lately completed, at most 60 s; but at least until the end of a pause, or
/// until the per-minute limits have room for one such request.
/// </param>
public readonly record struct AdmissionRefusal(RefusalReason Reason, TimeSpan RetryAfter);

public enum RefusalReason
{
    /// <summary>As many wait as may, none of them of a lower priority.</summary>
    QueueFull,

    /// <summary>It waited, and had to leave for a request of higher priority.</summary>
    Shed,

    /// <summary>Its deadline passed while it waited.</summary>
    Deadline,

    /// <summary>The provider asked for a pause that outlasts its deadline, or that it does not want to wait for.</summary>
    Paused,

    /// <summary>The lane or its gate is closed.</summary>
    Closed,
}
