using System.Globalization;
using Weir.Cli.Run.Results;

namespace Weir.Cli.Run.Progress;

/// <summary>What a run came to.</summary>
internal sealed record SummaryReport
{
    public required int Tasks { get; init; }

    /// <summary>Had a result before.</summary>
    public required int Before { get; init; }

    /// <summary>Of those, the ones that had not gone well.</summary>
    public required int BeforeNotOk { get; init; }

    public required int Ok { get; init; }

    public required int Failed { get; init; }

    public required int Timeout { get; init; }

    /// <summary>Have no result yet.</summary>
    public required int Left { get; init; }

    public required int Retries { get; init; }

    public required double Seconds { get; init; }

    public required bool Interrupted { get; init; }

    public required string Results { get; init; }

    /// <summary>Of the built-in agent.</summary>
    public TokenUsage? Usage { get; init; }

    public required IReadOnlyList<TaskEnd> Slowest { get; init; }

    /// <summary>The first ten.</summary>
    public required IReadOnlyList<TaskEnd> NotOk { get; init; }

    public static SummaryReport Of(RunTally tally, string results, TimeSpan took, bool interrupted) => new()
    {
        Tasks = tally.Total,
        Before = tally.Before,
        BeforeNotOk = tally.BeforeNotOk,
        Ok = tally.Count(TaskState.Ok),
        Failed = tally.Count(TaskState.Failed),
        Timeout = tally.Count(TaskState.Timeout),
        Left = tally.Total - tally.Before - tally.Done,
        Retries = tally.Retries,
        Seconds = Math.Round(took.TotalSeconds, 1),
        Interrupted = interrupted,
        Results = results,
        Usage = tally.Usage,
        Slowest = tally.Slowest(),
        NotOk = tally.Failed(),
    };

    public void Print(TextWriter output)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{(Interrupted ? "interrupted" : "done")} in {ProgressLine.Span(TimeSpan.FromSeconds(Seconds))}: {Ok} ok, {Failed} failed, {Timeout} timed out{Some(Before, "done before")}{Some(Retries, "tried again")}{Some(Left, "left")}"));
        output.WriteLine($"  results   {Results}");
        if (Usage is { } usage)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  tokens    {usage.PromptTokens} in, {usage.CompletionTokens} out"));
        if (Slowest.Count > 0)
            output.WriteLine("  slowest   " + string.Join(", ", Slowest.Take(5).Select(end => string.Create(CultureInfo.InvariantCulture, $"{end.Id} ({end.Seconds:0.0} s)"))));
        foreach (var end in NotOk)
            output.WriteLine($"  {(end.Status is TaskState.Timeout ? "timeout " : "failed  ")}  {end.Id}: {end.Error}{(end.Log is { } log ? $" (log: {log})" : "")}");
        if (Failed + Timeout > NotOk.Count)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"            and {Failed + Timeout - NotOk.Count} more: --retry failed does them again"));
        if (BeforeNotOk > 0)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"            {BeforeNotOk} of those done before had not gone well: --retry failed does them again"));
        if (Left > 0)
            output.WriteLine("  The same command does what is left.");
    }

    private static string Some(int count, string what) => count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {count} {what}");
}
