using Weir.Inference.Measuring;

namespace Weir.Inference.Status;

/// <summary>The gateway's traffic minute by minute, for whoever keeps a history.</summary>
public sealed class GatewayMinutes(InferenceMetrics metrics, TimeProvider time)
{
    /// <summary>The minute that runs, of the monotonic clock.</summary>
    public long Current => TrafficMeter.MinuteOf(time);

    /// <summary>What is left of the minute that runs.</summary>
    public TimeSpan Left
    {
        get
        {
            var length = time.TimestampFrequency * 60;
            return TimeSpan.FromSeconds((length - (time.GetTimestamp() % length)) / (double)time.TimestampFrequency);
        }
    }

    /// <summary>One of the last four minutes, or the one that runs; zeros where nothing happened in it.</summary>
    public MinuteTraffic Read(long number)
    {
        if (metrics.Traffic.Minute(number) is not { } minute)
        {
            return new MinuteTraffic();
        }

        return new MinuteTraffic
        {
            Succeeded = minute.CountOf(RequestOutcomes.Succeeded),
            Failed = minute.CountOf(RequestOutcomes.Failed),
            ClientFaults = minute.CountOf(RequestOutcomes.ClientFault),
            ClientLeft = minute.CountOf(RequestOutcomes.ClientLeft),
            InputTokens = minute.InputTokens,
            OutputTokens = minute.OutputTokens,
            FirstEvent = GatewayStatus.Of([minute.FirstEvents]),
            Answer = GatewayStatus.Of([minute.Answers]),
        };
    }
}

/// <summary>One minute of the gateway.</summary>
public sealed record MinuteTraffic
{
    public long Succeeded { get; init; }

    /// <summary>Answered with 5xx or 429, or cut in the middle.</summary>
    public long Failed { get; init; }

    /// <summary>Answered with another 4xx: the request was at fault.</summary>
    public long ClientFaults { get; init; }

    public long ClientLeft { get; init; }

    public long InputTokens { get; init; }

    public long OutputTokens { get; init; }

    /// <summary>Of streams, from the last send to the first event; null where there was none.</summary>
    public LatencyStatus? FirstEvent { get; init; }

    /// <summary>Of whole answers, queueing included; null where there was none.</summary>
    public LatencyStatus? Answer { get; init; }
}
