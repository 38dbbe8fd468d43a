namespace Weir.Flow.Admission;

/// <summary>What a request says at the gate.</summary>
/// <param name="Priority">0 to 9, 9 first; clamped into that range.</param>
/// <param name="Tokens">The tokens it will probably use, counted against the per-minute limits until its permit says the truth. At least 0.</param>
/// <param name="Timeout">
/// What is left of its deadline. Zero or less: it enters now or not at all. <see cref="System.Threading.Timeout.InfiniteTimeSpan"/>: it waits for ever.
/// </param>
/// <param name="AtHead">It was admitted before and comes back through no fault of its own: it waits ahead of all of its priority.</param>
/// <param name="LeavesOnPause">It has somewhere else to go: a pause of the lane sends it away instead of keeping it.</param>
/// <param name="IsBackground">
/// It may wait for hours: it enters only while nobody else waits at the gate, and only where others keep the places that they used
/// of late (<see cref="RecentPeak"/>) and an eighth more, and a tenth of each limit per minute. It queues apart and never ages out of the background.
/// </param>
public readonly record struct AdmissionTicket(
    int Priority, int Tokens, TimeSpan Timeout, bool AtHead = false, bool LeavesOnPause = false,
    bool IsBackground = false);
