using System.Text.Json;
using Weir.Cli.Run.Execution;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Tasks;
using Weir.Client;

namespace Weir.Cli.Run.Workers;

/// <summary>Does a task, once.</summary>
internal interface ITaskExecutor
{
    /// <summary>Returns when nothing of it goes on any more. Throws nothing that a task can cause.</summary>
    Task<TaskOutcome> RunAsync(TaskAttempt attempt, AttemptEnds ends);
}

/// <summary>One attempt of a task.</summary>
/// <param name="Task">What is to be done.</param>
/// <param name="Number">From 1.</param>
/// <param name="Serial">Of all attempts of the run.</param>
/// <param name="Lease">Ready. Null: it needs none.</param>
/// <param name="Timeout">How long it may take.</param>
/// <param name="Log">Where it may write what is for people.</param>
internal sealed record TaskAttempt(RunTask Task, int Number, long Serial, Lease? Lease, TimeSpan Timeout, TaskLog Log);

/// <summary>What ends an attempt before its time.</summary>
internal sealed record AttemptEnds
{
    /// <summary>The run ends: with a grace.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>The run ends: without one.</summary>
    public CancellationToken Now { get; init; }

    /// <summary>The lease is another's.</summary>
    public CancellationToken Lost { get; init; }

    /// <summary>Why it is, as a sentence.</summary>
    public Func<string> LostReason { get; init; } = static () => "";
}

/// <summary>How an attempt ended.</summary>
internal sealed record TaskOutcome(TaskState Status)
{
    public JsonElement? Output { get; init; }

    public bool OutputCut { get; init; }

    public string? Error { get; init; }

    public int? ExitCode { get; init; }

    public int? Steps { get; init; }

    public TokenUsage? Usage { get; init; }

    /// <summary>Another attempt would end the same.</summary>
    public bool IsFinal { get; init; }

    /// <summary>The run was stopped: nothing is known of the task, and it is done again.</summary>
    public bool IsStopped { get; init; }
}
