using System.Collections;
using Weir.Cli.Run.Agent;
using Weir.Cli.Run.Execution;
using Weir.Cli.Run.Progress;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Tasks;
using Weir.Cli.Run.Workers;
using Weir.Client;

namespace Weir.Cli.Run;

/// <summary>Where a run tells of itself.</summary>
/// <param name="Output">The summary.</param>
/// <param name="Error">All else that is for people.</param>
/// <param name="IsQuiet">No progress.</param>
/// <param name="IsJson">The summary as one JSON object.</param>
/// <param name="IsTerminal">Whether the progress may be written over.</param>
internal sealed record RunConsole(TextWriter Output, TextWriter Error, bool IsQuiet, bool IsJson, bool IsTerminal);

/// <summary>One run, from its files to its summary.</summary>
internal sealed class RunSession(RunPlan plan, TaskSource source, bool redoFailed, RunConsole console, TimeProvider time)
{
    private const int Interrupted = 130;
    private static readonly TimeSpan AskWithin = TimeSpan.FromSeconds(10);

    // Spreads waits alone: nothing of a run's results depends on it.
    private readonly Random _random = new();

    public async Task<int> RunAsync(StopSignals signals)
    {
        using var tasks = TaskFile.Open(source.Path, plan.FaultOf);
        if (tasks.FaultsTotal > 0)
            return await RefuseAsync(tasks);

        using var mark = RunMark.Take(source.Mark);
        var done = new BitArray(tasks.Count);
        var notOk = 0;
        var found = ResultsFile.Mend(source.Results, (key, state) =>
        {
            if (tasks.IndexOf(key) is { } index)
                (done[index], notOk) = (!redoFailed || state is TaskState.Ok, notOk + (state is TaskState.Ok ? 0 : 1));
            return true;
        });
        if (found.Torn > 0)
            await console.Error.WriteLineAsync($"weir: {source.Results} ended with a record that was cut off; its task is done again");
        using var http = RunConnections.Create(plan.Url);
        using var client = new WeirClient(http, new WeirClientOptions { ApiKey = plan.Key, MaxRetries = 0 });
        var queue = new TaskQueue(done);
        var tally = new RunTally(tasks.Count, tasks.Count - queue.Left, redoFailed ? 0 : notOk);
        if (queue.Left == 0)
            return await EndAsync(tally, TimeSpan.Zero, signals);
        if (await FaultOfServerAsync(client, http, tasks, signals.Stop) is var (message, code))
        {
            await console.Error.WriteLineAsync($"weir: {message}");
            return code;
        }

        // Only now: a run that cannot begin leaves the results of the one before as they are.
        if (redoFailed && notOk > 0)
            ResultsFile.Mend(source.Results, (key, state) => state is TaskState.Ok || tasks.IndexOf(key) is null);
        return await WorkAsync(tasks, queue, tally, mark, client, http, signals);
    }

    private async Task<int> WorkAsync(TaskFile tasks, TaskQueue queue, RunTally tally, RunMark mark, WeirClient client, HttpClient http, StopSignals signals)
    {
        var desk = new LeaseDesk(client.Leases, plan, mark.Job, mark.Run, tally, time, _random);
        // Processes before leases: what they use is another's as soon as it is given back.
        if (mark.Former is { } former)
            await new ProcessFamily(null, TaskVariables.Run, former, time).EndAsync();
        await ReleaseLeftAsync(desk, mark.Former is not null && NeedsLeases(tasks), signals.Stop);
        mark.Sign();

        var guard = plan.Command is null ? null : await RunGuard.StartAsync(mark.Run, time, signals.Stop);
        await using (guard)
        {
            if (guard is not null)
                Native.AdoptOrphans();
            ITaskExecutor executor = plan.Command is null ? new AgentExecutor(plan, http, time, _random) : new CommandExecutor(plan, mark.Run, time);
            var began = time.GetTimestamp();
            await using (var results = new ResultWriter(source.Results))
            {
                await using var progress = new ProgressLine(tally, console.Error, console.IsTerminal, time);
                if (!console.IsQuiet)
                    progress.Start();
                var workers = new TaskWorkers(plan, tasks, queue, executor, desk, results, tally, source.Logs, time, _random);
                await workers.RunAsync(signals.Stop, signals.Now);
            }

            // Requests that were cut off while they waited may have been granted meanwhile.
            if (signals.Stop.IsCancellationRequested)
                await ReleaseLeftAsync(desk, NeedsLeases(tasks), signals.Now);
            return await EndAsync(tally, time.GetElapsedTime(began), signals);
        }
    }

    private async Task<int> EndAsync(RunTally tally, TimeSpan took, StopSignals signals)
    {
        var interrupted = signals.Stop.IsCancellationRequested && tally.Before + tally.Done < tally.Total;
        var report = SummaryReport.Of(tally, source.Results, took, interrupted);
        if (console.IsJson)
            await console.Output.WriteLineAsync(System.Text.Json.JsonSerializer.Serialize(report, RunFormat.Lines.SummaryReport));
        else
            report.Print(console.Output);
        return interrupted ? Interrupted : tally.NotOk + tally.BeforeNotOk > 0 ? ExitCode.Failed : ExitCode.Ok;
    }

    private async Task<int> RefuseAsync(TaskFile tasks)
    {
        foreach (var fault in tasks.Faults)
            await console.Error.WriteLineAsync($"{source.Path}: {fault}");
        if (tasks.FaultsTotal > tasks.Faults.Count)
            await console.Error.WriteLineAsync($"and {tasks.FaultsTotal - tasks.Faults.Count} more");
        await console.Error.WriteLineAsync($"weir: {(tasks.FaultsTotal == 1 ? "1 line is no task" : $"{tasks.FaultsTotal} lines are no tasks")}; nothing was started");
        return ExitCode.Usage;
    }

    private async Task ReleaseLeftAsync(LeaseDesk desk, bool mayHave, CancellationToken stop)
    {
        if (!mayHave)
            return;
        try
        {
            if (await desk.ReleaseLeftAsync(stop) is > 0 and var count)
                await console.Error.WriteLineAsync($"weir: gave back {count} {(count == 1 ? "lease" : "leases")} that a run left");
        }
        catch (Exception fault) when (fault is WeirException or OperationCanceledException)
        {
            // They end by their ttl.
        }
    }

    /// <summary>What no task could do anything about is said before the first one fails.</summary>
    private async Task<(string Message, int Code)?> FaultOfServerAsync(WeirClient client, HttpClient http, TaskFile tasks, CancellationToken stop)
    {
        if (!NeedsLeases(tasks) && plan.Agent is null)
            return null;
        using var late = new CancellationTokenSource(AskWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, late.Token);
        try
        {
            if (plan.Agent is not null && await new ChatModel(http, plan, time, _random).FaultOfRouteAsync(either.Token) is { } refusal)
                return ($"{plan.Url} refuses: {refusal}", ExitCode.Usage);
            if (!NeedsLeases(tasks))
                return null;
            var kinds = await client.Leases.KindsAsync(either.Token);
            var missing = plan.Kinds.Where(kind => kinds.All(known => known.Name != kind.Kind && !AliasesOf(known).Contains(kind.Kind))).Select(kind => kind.Kind).ToList();
            return missing.Count == 0 ? null
                : ($"{plan.Url} has no kind '{string.Join("', '", missing)}'; it has {(kinds.Count == 0 ? "none" : string.Join(", ", kinds.Select(kind => kind.Name)))}", ExitCode.Usage);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or WeirException { Code: "unreachable" })
        {
            return ($"nothing answers at {plan.Url}. 'weir up' starts a server; --url names another.", ExitCode.Failed);
        }
        catch (WeirException fault)
        {
            return ($"{plan.Url} refuses: {fault.Message}{(fault.Status is System.Net.HttpStatusCode.Unauthorized ? " Set WEIR_KEY." : "")}", ExitCode.Failed);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return ($"{plan.Url} did not answer within {AskWithin.TotalSeconds:0} s.", ExitCode.Failed);
        }
    }

    // A task's own kinds are asked about when its turn comes.
    private bool NeedsLeases(TaskFile tasks) => plan.Kinds.Count > 0 || tasks.HasOwnKinds;

    private static IEnumerable<string> AliasesOf(KindInfo kind) =>
        kind.More?.TryGetValue("aliases", out var aliases) == true && aliases.ValueKind is System.Text.Json.JsonValueKind.Array ? aliases.EnumerateArray().Select(alias => alias.ToString()) : [];
}
