using Weir.Inference.Status;

namespace Weir.Server.Observability.History;

/// <summary>One minute of this replica.</summary>
internal sealed record HistoryPoint
{
    /// <summary>The end of the minute, UTC.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Requests that ended in it.</summary>
    public required long Requests { get; init; }

    public required double RequestsPerSecond { get; init; }

    public required long Succeeded { get; init; }

    /// <summary>Answered with 5xx or 429, or cut in the middle.</summary>
    public required long Failed { get; init; }

    /// <summary>Answered with another 4xx: the request was at fault.</summary>
    public required long ClientFaults { get; init; }

    public required long ClientLeft { get; init; }

    /// <summary>Succeeded over succeeded and failed; null where there is neither.</summary>
    public double? Success { get; init; }

    public required long InputTokens { get; init; }

    public required long OutputTokens { get; init; }

    /// <summary>Of streams, from the last send to the first event; null where there was none.</summary>
    public LatencyStatus? FirstEvent { get; init; }

    /// <summary>Of whole answers, queueing included; null where there was none.</summary>
    public LatencyStatus? Answer { get; init; }

    /// <summary>Of all cores that the process may use, 0 to 1.</summary>
    public required double Cpu { get; init; }

    /// <summary>Resident, of what the process may use, 0 to 1.</summary>
    public required double Memory { get; init; }

    public required long MemoryBytes { get; init; }

    /// <summary>Attempts under way at the end of the minute.</summary>
    public required int InFlight { get; init; }

    /// <summary>The most requests that were seen waiting for admission, looking every 10 s.</summary>
    public required int Queue { get; init; }

    public static HistoryPoint Of(MinuteTraffic traffic, DateTimeOffset at, double cpu, ProcessReading process, int inFlight, int queue)
    {
        var requests = traffic.Succeeded + traffic.Failed + traffic.ClientFaults + traffic.ClientLeft;
        var judged = traffic.Succeeded + traffic.Failed;
        return new HistoryPoint
        {
            At = at,
            Requests = requests,
            RequestsPerSecond = Math.Round(requests / 60.0, 3),
            Succeeded = traffic.Succeeded,
            Failed = traffic.Failed,
            ClientFaults = traffic.ClientFaults,
            ClientLeft = traffic.ClientLeft,
            Success = judged == 0 ? null : Math.Round((double)traffic.Succeeded / judged, 5),
            InputTokens = traffic.InputTokens,
            OutputTokens = traffic.OutputTokens,
            FirstEvent = traffic.FirstEvent,
            Answer = traffic.Answer,
            Cpu = Math.Round(cpu, 4),
            Memory = process.MemoryLimit > 0 ? Math.Round((double)process.Memory / process.MemoryLimit, 4) : 0,
            MemoryBytes = process.Memory,
            InFlight = inFlight,
            Queue = queue,
        };
    }
}
