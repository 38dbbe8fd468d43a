namespace Weir.Client;

/// <summary>How an environment leases, and what a model sees of it.</summary>
public sealed record AgentEnvironmentOptions
{
    /// <summary>How long a lease outlives a process that has stopped renewing it, 1 s to 24 h. It is renewed at a third of that. Default: 2 minutes.</summary>
    public TimeSpan Ttl { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long an allocation may wait for its turn, 0 (now or never) to 24 h. Null: 60 s.</summary>
    public TimeSpan? Wait { get; init; }

    /// <summary>0 to 9, 9 first; 30 s of waiting count as one more. Null: 5.</summary>
    public int? Priority { get; init; }

    /// <summary>Put on each lease, at most 32. Null: none.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>Whether an allocation brings what each resource shows at first, as <see cref="AgentResource.Observation"/>. Default: true.</summary>
    public bool Observe { get; init; } = true;

    /// <summary>What a model is told of where it is. Null: nothing.</summary>
    public string? Prompt { get; init; }

    /// <summary>Which tools a model gets, by their names, such as <c>screenshot</c>; of a second desktop it is asked for <c>screenshot</c> too. Null: all.</summary>
    public Func<string, bool>? Offers { get; init; }

    /// <summary>
    /// Whether leases are given back, within 2 s, when the process exits, fails by an exception that nobody catches, or is told to end by SIGINT, SIGTERM, SIGHUP or SIGQUIT;
    /// and when their <see cref="WeirClient"/> is disposed before them, since nothing could renew them any more.
    /// Signals are not swallowed: what they would do without this they do after it; and one that an earlier handler has cancelled gives nothing back. Handlers run from the last
    /// that was registered to the first: make the environment before the host is started, or set this to false and dispose the leases. Default: true.
    /// </summary>
    public bool ReleaseAtExit { get; init; } = true;
}
