using Weir.Cli.Run.Tasks;

namespace Weir.Cli.Run;

/// <summary>What a run does for each of its tasks.</summary>
internal sealed record RunPlan
{
    public required Uri Url { get; init; }

    /// <summary>Handed to commands as <c>WEIR_KEY</c>. Null: none.</summary>
    public string? Key { get; init; }

    public required int Workers { get; init; }

    /// <summary>Of tasks that name none themselves.</summary>
    public IReadOnlyList<KindCount> Kinds { get; init; } = [];

    /// <summary>For the shell. Null: the built-in agent works.</summary>
    public string? Command { get; init; }

    /// <summary>Null: a command works.</summary>
    public AgentPlan? Agent { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Attempts after the first.</summary>
    public int Retries { get; init; } = 1;

    public bool RetryTimeouts { get; init; }

    /// <summary>Attempts begun a second, of all workers together. Null: no bound.</summary>
    public double? Rate { get; init; }

    public TimeSpan Ttl { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Of the leases, and of the agent's requests. Null: the server's default.</summary>
    public int? Priority { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>What a task leases.</summary>
    public IReadOnlyList<KindCount> KindsOf(RunTask task) => task.Kinds ?? Kinds;

    /// <summary>What keeps a task, good in itself, from being done in this run. Null: nothing.</summary>
    public string? FaultOf(RunTask task)
    {
        if (Agent is not null && string.IsNullOrWhiteSpace(task.Prompt))
            return "it has neither a prompt nor an input, and the built-in agent needs one";
        var kinds = KindsOf(task);
        // A config that nothing gets would be dropped without a word.
        return task.Config?.Select(config => config.Key).FirstOrDefault(kind => kinds.All(leased => leased.Kind != kind)) is not { } idle ? null
            : $"its config is for '{idle}', which it does not lease; it leases {(kinds.Count == 0 ? "nothing: say kinds, or --kinds" : string.Join(", ", kinds.Select(leased => leased.Kind)))}";
    }
}

/// <summary>How the built-in agent works.</summary>
/// <param name="Route">The model that it asks.</param>
/// <param name="Instructions">Its system prompt. Null: none.</param>
/// <param name="MaxSteps">Answers of the model, the last one included.</param>
internal sealed record AgentPlan(string Route, string? Instructions, int MaxSteps);

/// <summary>The run cannot go on, whatever the task; the message is for the user.</summary>
internal sealed class RunStoppedException(string message) : Exception(message);
