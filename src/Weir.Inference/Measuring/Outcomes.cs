using System.Text.Json;
using Weir.Inference.Attempts;

namespace Weir.Inference.Measuring;

/// <summary>How attempts end, as counters name it: each attempt is in exactly one of them.</summary>
internal static class AttemptOutcomes
{
    public const int Answered = 0;

    private static readonly FailureClass[] Classes = Enum.GetValues<FailureClass>();

    /// <summary>The answer had begun to go to the client, and was not whole.</summary>
    public static readonly int BrokenOff = Classes.Length + 1;

    public static readonly string[] Names =
        ["answered", .. Classes.Select(kind => JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString())), "broken_off"];

    // What was the client's fault, or its leaving, says nothing against a deployment.
    private static readonly int[] Failures =
    [
        .. Classes.Where(kind => kind is not (FailureClass.Client or FailureClass.Inexpressible or FailureClass.Cancelled or FailureClass.Deadline)).Select(Of),
        BrokenOff,
    ];

    public static int Of(FailureClass kind) => (int)kind + 1;

    public static string NameOf(FailureClass kind) => Names[Of(kind)];

    /// <summary>Answered over answered and failed; null where there is neither.</summary>
    public static double? SuccessOf(IReadOnlyList<TrafficMinute> minutes)
    {
        long answered = 0, failed = 0;
        foreach (var minute in minutes)
        {
            answered += minute.CountOf(Answered);
            foreach (var kind in Failures)
            {
                failed += minute.CountOf(kind);
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
