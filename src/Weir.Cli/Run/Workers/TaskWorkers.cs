using Weir.Cli.Run.Execution;
using Weir.Cli.Run.Progress;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Tasks;

namespace Weir.Cli.Run.Workers;

/// <summary>So many workers, each taking the next task when it is through with one: lease, attempt, lease given back, result on the disk.</summary>
internal sealed class TaskWorkers(RunPlan plan, TaskFile tasks, TaskQueue queue, ITaskExecutor executor, LeaseDesk desk, ResultWriter results, RunTally tally, string logs, TimeProvider time, Random random)
{
    private readonly StartPace _pace = new(plan.Rate, time);
    private readonly Backoff _again = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30), random);
    private long _attempts;

    /// <param name="stop">No more tasks; those under way end unrecorded.</param>
    /// <param name="now">The same without a grace.</param>
    /// <exception cref="Exception">What no task is at fault for: the others were stopped.</exception>
    public async Task RunAsync(CancellationToken stop, CancellationToken now)
    {
        using var fault = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var workers = Enumerable.Range(1, Math.Min(plan.Workers, Math.Max(1, queue.Left))).Select(async worker =>
        {
            try
            {
                await WorkAsync(worker, fault.Token, now);
            }
            catch
            {
                await fault.CancelAsync();
                throw;
            }
        });
        await Task.WhenAll(workers);
    }

    private async Task WorkAsync(int worker, CancellationToken stop, CancellationToken now)
    {
        // Workers that start together are told apart by the thread pool alone: none may hold another up.
        await Task.Yield();
        while (!stop.IsCancellationRequested && queue.Take() is { } index)
        {
            var task = tasks.Read(index);
            var log = new TaskLog(logs, task.Id);
            if (await AttemptsAsync(worker, task, log, stop, now) is not { } result)
                return;
            var (record, line) = LineOf(result);
            await results.AppendAsync(line);
            tally.Finished(record, log.Exists ? log.Path : null);
        }
    }

    // Whatever a task gave, there is a record of it.
    private static (TaskResult Record, byte[] Line) LineOf(TaskResult result)
    {
        try
        {
            return (result, result.ToLine());
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            var without = result with { Status = TaskState.Failed, Output = null, OutputCut = null, Error = $"Its output cannot be written as JSON: {fault.Message}" };
            return (without, without.ToLine());
        }
    }

    /// <returns>Null: the run was stopped before it came to an end.</returns>
    private async Task<TaskResult?> AttemptsAsync(int worker, RunTask task, TaskLog log, CancellationToken stop, CancellationToken now)
    {
        TokenUsage? usage = null;
        for (var number = 1; ; number++)
        {
            try
            {
                var (result, isFinal) = await AttemptAsync(worker, task, number, log, stop, now);
                if (result is null)
                    return null;
                usage += result.Usage;
                result = result with { Usage = usage };
                var mayRetry = result.Status is TaskState.Failed || (result.Status is TaskState.Timeout && plan.RetryTimeouts);
                if (!mayRetry || isFinal || number > plan.Retries)
                    return result;
                tally.Retried();
                await Task.Delay(_again.After(number), time, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return null;
            }
        }
    }

    private async Task<(TaskResult? Result, bool IsFinal)> AttemptAsync(int worker, RunTask task, int number, TaskLog log, CancellationToken stop, CancellationToken now)
    {
        await _pace.WaitAsync(stop);
        HeldLease? held = null;
        if (plan.KindsOf(task).Count > 0)
        {
            var (lease, error) = await TakeAsync(worker, task, number, stop);
            if (lease is null)
            {
                var refused = new TaskResult { Id = task.Id, Status = TaskState.Failed, Error = error, Attempts = number, StartedAt = time.GetUtcNow(), Seconds = 0 };
                return (refused, true);
            }

            held = lease;
        }

        await using (held)
        {
            var (startedAt, began) = (time.GetUtcNow(), time.GetTimestamp());
            tally.Runs(1);
            try
            {
                var outcome = await ExecuteAsync(
                    new TaskAttempt(task, number, Interlocked.Increment(ref _attempts), held?.Lease, task.Timeout ?? plan.Timeout, log),
                    new AttemptEnds { Stop = stop, Now = now, Lost = held?.Lost ?? CancellationToken.None, LostReason = () => held?.LostReason ?? "" });
                if (outcome.IsStopped)
                    return (null, true);
                return (new TaskResult
                {
                    Id = task.Id,
                    Status = outcome.Status,
                    Output = outcome.Output,
                    OutputCut = outcome.OutputCut ? true : null,
                    Error = outcome.Error,
                    ExitCode = outcome.ExitCode,
                    Attempts = number,
                    StartedAt = startedAt,
                    Seconds = Math.Round(time.GetElapsedTime(began).TotalSeconds, 3),
                    Lease = held?.Lease.Id,
                    Steps = outcome.Steps,
                    Usage = outcome.Usage,
                }, outcome.IsFinal);
            }
            finally
            {
                tally.Runs(-1);
            }
        }
    }

    // What neither expects is a mistake of ours over this one task: the others are not ended for it.
    private async Task<(HeldLease? Lease, string? Error)> TakeAsync(int worker, RunTask task, int number, CancellationToken stop)
    {
        try
        {
            return await desk.TakeAsync(worker, task, number, stop);
        }
        catch (Exception fault) when (fault is not (RunStoppedException or OutOfMemoryException) && !stop.IsCancellationRequested)
        {
            return (null, $"No lease could be asked for ({fault.GetType().Name}): {fault.Message}");
        }
    }

    private async Task<TaskOutcome> ExecuteAsync(TaskAttempt attempt, AttemptEnds ends)
    {
        try
        {
            return await executor.RunAsync(attempt, ends);
        }
        catch (Exception fault) when (fault is not (RunStoppedException or OutOfMemoryException))
        {
            return new TaskOutcome(TaskState.Failed) { Error = $"The attempt broke off ({fault.GetType().Name}): {fault.Message}", IsStopped = ends.Stop.IsCancellationRequested };
        }
    }
}
