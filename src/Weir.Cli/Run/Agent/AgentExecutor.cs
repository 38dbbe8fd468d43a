using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Workers;
using Weir.Client;

namespace Weir.Cli.Run.Agent;

/// <summary>
/// The built-in agent: asks a model, calls the tools that it wants, tells it what came of them, and so on until it answers with a text. It writes what it does
/// into the task's log, one JSON line a step.
/// </summary>
internal sealed class AgentExecutor(RunPlan plan, HttpClient http, TimeProvider time, Random random) : ITaskExecutor
{
    // Pictures of earlier steps only cost tokens.
    private const int MostPictures = 3;

    private readonly ChatModel _model = new(http, plan, time, random);

    public async Task<TaskOutcome> RunAsync(TaskAttempt attempt, AttemptEnds ends)
    {
        using var late = new CancellationTokenSource(attempt.Timeout, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ends.Stop, ends.Lost);
        var conversation = new AgentConversation();
        TaskOutcome outcome;
        try
        {
            outcome = await TalkAsync(attempt, conversation, any.Token);
        }
        catch (OperationCanceledException) when (any.IsCancellationRequested)
        {
            outcome = ends.Stop.IsCancellationRequested ? new(TaskState.Failed) { IsStopped = true }
                : ends.Lost.IsCancellationRequested ? new(TaskState.Failed) { Error = $"The lease was lost: {ends.LostReason()}" }
                : new(TaskState.Timeout) { Error = string.Create(CultureInfo.InvariantCulture, $"It was ended after {attempt.Timeout.TotalSeconds:0.###} s.") };
        }
        catch (ModelException fault)
        {
            outcome = new(TaskState.Failed) { Error = fault.Message, IsFinal = fault.IsFinal };
        }

        using var log = new MemoryStream(Encoding.UTF8.GetBytes(conversation.Log));
        try
        {
            await attempt.Log.ReadAsync(log, attempt.Number);
        }
        catch (IOException fault) when (outcome.Status is TaskState.Ok)
        {
            outcome = outcome with { Status = TaskState.Failed, Error = fault.Message };
        }
        catch (IOException)
        {
            // It has failed for a reason that says more.
        }

        return outcome with { Steps = conversation.Steps, Usage = conversation.Usage };
    }

    private async Task<TaskOutcome> TalkAsync(TaskAttempt attempt, AgentConversation conversation, CancellationToken stop)
    {
        var tools = new DoorTools(http, attempt.Lease);
        var definitions = tools.Definitions();
        if (plan.Agent!.Instructions is { } instructions)
            conversation.Say("system", instructions);
        // What there is to see comes first: a model answers what was said last.
        foreach (var resource in attempt.Lease?.Resources ?? [])
            Show(conversation, resource);
        conversation.Say("user", attempt.Task.Prompt!);

        while (conversation.Steps < plan.Agent.MaxSteps)
        {
            var answer = await _model.AskAsync(conversation.Messages(MostPictures), definitions, stop);
            conversation.Answered(answer);
            if (answer.Calls.Count == 0)
                return OutcomeOf(answer);
            // One after the other: the second click may depend on the first.
            foreach (var call in answer.Calls)
                conversation.Gave(call, await tools.CallAsync(call.Name, call.Arguments, stop));
        }

        return new TaskOutcome(TaskState.Failed)
        {
            Error = string.Create(CultureInfo.InvariantCulture, $"It gave no answer within {plan.Agent.MaxSteps} steps."), IsFinal = true,
        };
    }

    // Nothing said and nothing called is no answer: a model that ran out of tokens, or will not, has not done the task.
    private static TaskOutcome OutcomeOf(ChatAnswer answer) => !string.IsNullOrWhiteSpace(answer.Text)
        ? new(TaskState.Ok) { Output = JsonSerializer.SerializeToElement(answer.Text) }
        : new(TaskState.Failed) { Error = answer.Refusal.Length > 0 ? $"It refused: {answer.Refusal}" : $"It ended without a text and without a call (finish_reason {answer.Finish ?? "not told"})." };

    private static void Show(AgentConversation conversation, LeasedResource resource)
    {
        if (resource.Observation is not { } seen)
            return;
        if (seen.Screenshot is { } picture)
            conversation.Show($"{resource.Kind} shows this at first.", picture);
        else if (seen.Text is { Length: > 0 } text)
            conversation.Say("user", $"{resource.Kind}: {text}");
    }
}
