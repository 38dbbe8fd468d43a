using Weir.Inference.Attempts;

namespace Weir.Inference.Measuring;

/// <summary>How attempts end, as counters name it: each attempt is in exactly one of them.</summary>
internal static class AttemptOutcomes
{
    public const int Answered = 0;

    /// <summary>The answer had begun to go to the client, and was not whole.</summary>
    public const int BrokenOff = 12;

    public static readonly string[] Names =
    [
        "answered", "network", "unavailable", "rate_limited", "key_refused", "refused", "absent", "timeout", "broken", "client", "cancelled", "deadline",
        "broken_off",
    ];

    /// <summary>Whether it says something against the deployment: who was the client's fault, or left, says nothing.</summary>
    private static readonly bool[] IsFailure = [.. Names.Select(name => name is not ("answered" or "client" or "cancelled" or "deadline"))];

    public static int Of(FailureClass kind) => (int)kind + 1;

    public static string NameOf(FailureClass kind) => Names[Of(kind)];

    /// <summary>Answered over answered and failed; null where there is neither.</summary>
    public static double? SuccessOf(IReadOnlyList<TrafficMinute> minutes)
    {
        long answered = 0, failed = 0;
        foreach (var minute in minutes)
        {
            answered += minute.CountOf(Answered);
            for (var i = 1; i < Names.Length; i++)
            {
                failed += IsFailure[i] ? minute.CountOf(i) : 0;
            }
        }

        return answered + failed == 0 ? null : (double)answered / (answered + failed);
    }
}

/// <summary>How requests end for those who sent them.</summary>
internal static class RequestOutcomes
{
    public const int Succeeded = 0;

    /// <summary>Answered 5xx or 429 by us or for want of a provider, or cut in the middle.</summary>
    public const int Failed = 1;

    /// <summary>The request itself was at fault: another 4xx.</summary>
    public const int ClientFault = 2;

    public const int ClientLeft = 3;

    public const int Count = 4;

    public static int Of(InferenceReport report) =>
        report.FailedBy is null ? Succeeded
        : report.FailedBy == "client_left" ? ClientLeft
        : report.Status is >= 400 and < 500 and not 429 ? ClientFault
        : report.ClientAtFault ? ClientFault
        : Failed;
}
