using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Workers;

namespace Weir.Cli.Run.Execution;

/// <summary>
/// Runs a command for each attempt, as the leader of a session of its own, and does not return before everything that it started has ended: at its own end, at
/// the timeout, when its lease is lost, or when the run is stopped.
/// </summary>
internal sealed class CommandExecutor(RunPlan plan, string run, TimeProvider time) : ITaskExecutor
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan PipesWithin = TimeSpan.FromSeconds(2);

    public async Task<TaskOutcome> RunAsync(TaskAttempt attempt, AttemptEnds ends)
    {
        var mark = $"{run}.{attempt.Serial.ToString(CultureInfo.InvariantCulture)}";
        Process process;
        try
        {
            process = Children.Start(StartOf(attempt, mark));
        }
        catch (Win32Exception fault)
        {
            return new(TaskState.Failed) { Error = $"'setsid' or 'sh' cannot be started: {fault.Message}" };
        }

        using (process)
        {
            var family = new ProcessFamily(process.Id, TaskVariables.Attempt, mark, time);
            var output = new CappedOutput();
            var pipes = Task.WhenAll(
                WriteAsync(process.StandardInput, attempt.Task.Json),
                output.ReadAsync(process.StandardOutput.BaseStream),
                attempt.Log.ReadAsync(process.StandardError.BaseStream, attempt.Number));

            var exit = process.WaitForExitAsync();
            var reason = await FirstAsync(exit, attempt, ends);
            if (reason is not AttemptEnd.ByItself)
            {
                family.Signal(Native.Terminate);
                await GraceAsync(family, exit, ends.Now);
            }

            // Also after a good end: what it left running would use what the next holder of the lease is given.
            var left = await family.EndAsync();
            await exit;
            Children.Forget(process.Id);
            var told = await ReadToEndAsync(pipes);
            return Outcome(reason, process.ExitCode, output, attempt, ends, left, told);
        }
    }

    private ProcessStartInfo StartOf(TaskAttempt attempt, string mark)
    {
        var start = new ProcessStartInfo("setsid", ["sh", "-c", plan.Command!])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(TaskVariables.IsOthers).ToArray())
            start.Environment.Remove(name);
        foreach (var (name, value) in TaskVariables.Of(plan, attempt.Task, attempt.Lease, run, mark))
            start.Environment[name] = value;
        return start;
    }

    private async Task<AttemptEnd> FirstAsync(Task exit, TaskAttempt attempt, AttemptEnds ends)
    {
        using var late = new CancellationTokenSource(attempt.Timeout, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ends.Stop, ends.Lost);
        await Task.WhenAny(exit, Delay(Timeout.InfiniteTimeSpan, any.Token));
        return exit.IsCompleted ? AttemptEnd.ByItself
            : ends.Stop.IsCancellationRequested ? AttemptEnd.Stopped
            : ends.Lost.IsCancellationRequested ? AttemptEnd.LeaseLost
            : AttemptEnd.Timeout;
    }

    // Of all of it: the shell in front often ends at once, while what it started still tidies up.
    private async Task GraceAsync(ProcessFamily family, Task exit, CancellationToken now)
    {
        var began = time.GetTimestamp();
        while (time.GetElapsedTime(began) < Grace && !now.IsCancellationRequested && (!exit.IsCompleted || family.Members().Count > 0))
            await Delay(BetweenLooks, now);
    }

    private static TaskOutcome Outcome(AttemptEnd reason, int code, CappedOutput output, TaskAttempt attempt, AttemptEnds ends, int left, string? pipesFault)
    {
        var outcome = new TaskOutcome(TaskState.Failed) { Output = output.ToJson(), OutputCut = output.IsCut };
        var leftBehind = left == 0 ? "" : $" {left} of its processes could not be ended.";
        return reason switch
        {
            AttemptEnd.Stopped => outcome with { IsStopped = true },
            AttemptEnd.LeaseLost => outcome with { Error = $"The lease was lost: {ends.LostReason()}{leftBehind}" },
            AttemptEnd.Timeout => outcome with
            {
                Status = TaskState.Timeout, Error = string.Create(CultureInfo.InvariantCulture, $"It was ended after {attempt.Timeout.TotalSeconds:0.###} s.{leftBehind}"),
            },
            _ when pipesFault is not null => outcome with { Error = pipesFault, ExitCode = code },
            _ when code == 0 => outcome with { Status = TaskState.Ok, ExitCode = 0 },
            // Of a process that a signal ended, .NET says 128 and the signal's number, as shells do.
            _ => outcome with { ExitCode = code, Error = $"It ended with {code.ToString(CultureInfo.InvariantCulture)}{(attempt.Log.LastLine is { } line ? ": " + line : ".")}{leftBehind}" },
        };
    }

    private static async Task WriteAsync(StreamWriter input, string json)
    {
        try
        {
            await using (input)
                await input.BaseStream.WriteAsync(Encoding.UTF8.GetBytes(json + "\n"));
        }
        catch (IOException)
        {
            // It does not want to read it.
        }
    }

    /// <returns>What went wrong with them. Null: nothing.</returns>
    private async Task<string?> ReadToEndAsync(Task pipes)
    {
        try
        {
            // Everything that could hold them open has ended.
            await pipes.WaitAsync(PipesWithin, time);
            return null;
        }
        catch (TimeoutException)
        {
            return "Something that it started, and that could not be found, still holds its output open.";
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return fault.Message;
        }
    }

    private Task Delay(TimeSpan wait, CancellationToken stop) => Task.Delay(wait, time, stop).ContinueWith(
        static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private enum AttemptEnd
    {
        ByItself,
        Timeout,
        LeaseLost,
        Stopped,
    }
}
