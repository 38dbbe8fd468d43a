namespace Weir.Flow.Admission;

/// <summary>One consistent look at a gate.</summary>
/// <param name="InFlight">Permits not yet released.</param>
/// <param name="Queued">Requests that wait, without those in the background.</param>
/// <param name="Limit">The working limit on what is in flight.</param>
/// <param name="RequestsLastMinute">Counted only where there is a limit on them.</param>
/// <param name="TokensLastMinute">Counted only where there is a limit on them; estimates until settled.</param>
/// <param name="Totals">What has happened since the gate was made.</param>
/// <param name="Lanes">The open lanes, in the order of their opening.</param>
public sealed record AdmissionGateSnapshot(
    int InFlight,
    int Queued,
    int Limit,
    long RequestsLastMinute,
    long TokensLastMinute,
    AdmissionTotals Totals,
    IReadOnlyList<AdmissionLaneSnapshot> Lanes)
{
    /// <summary>Requests that wait in the background; <see cref="Queued"/> does not count them.</summary>
    public int QueuedInBackground { get; init; }
}

/// <summary>One lane of an <see cref="AdmissionGateSnapshot"/>.</summary>
/// <param name="Name">As it was opened.</param>
/// <param name="InFlight">Permits of this lane not yet released.</param>
/// <param name="Queued">Requests that wait in this lane.</param>
/// <param name="Limit">The lower of the lane's and the gate's working limit.</param>
/// <param name="RequestsLastMinute">Counted only where the lane itself limits them.</param>
/// <param name="TokensLastMinute">Counted only where the lane itself limits them.</param>
/// <param name="PausedFor">What is left of a pause; zero when there is none.</param>
public sealed record AdmissionLaneSnapshot(
    string Name, int InFlight, int Queued, int Limit, long RequestsLastMinute, long TokensLastMinute, TimeSpan PausedFor);

/// <summary>Running counts of a gate. Every request that asked is in exactly one of them, or still waits.</summary>
/// <param name="Admitted">Given a permit.</param>
/// <param name="QueueFull">Refused since the queue was full.</param>
/// <param name="Shed">Sent away from the queue by a higher priority.</param>
/// <param name="Deadline">Out of time.</param>
/// <param name="Paused">Refused since the lane's pause outlasts them.</param>
/// <param name="Closed">Refused since the lane or gate is closed.</param>
/// <param name="Cancelled">Left by their own token.</param>
public readonly record struct AdmissionTotals(
    long Admitted, long QueueFull, long Shed, long Deadline, long Paused, long Closed, long Cancelled)
{
    internal AdmissionTotals Count(RefusalReason reason) => reason switch
    {
        RefusalReason.QueueFull => this with { QueueFull = QueueFull + 1 },
        RefusalReason.Shed => this with { Shed = Shed + 1 },
        RefusalReason.Deadline => this with { Deadline = Deadline + 1 },
        RefusalReason.Paused => this with { Paused = Paused + 1 },
        _ => this with { Closed = Closed + 1 },
    };
}
