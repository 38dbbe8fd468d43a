namespace Weir.Inference.Routing;

/// <summary>A public model name and the deployments behind it, lowest order first. Immutable.</summary>
internal sealed class RouteModel(
    string name, IReadOnlyList<DeploymentModel> deployments, Balance balance, TimeSpan timeout, bool overflow, RouteState state, bool isConfigured)
{
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(10);

    public string Name { get; } = name;

    public DeploymentModel[] Deployments { get; } = [.. deployments.OrderBy(deployment => deployment.Order)];

    public Balance Balance { get; } = balance;

    /// <summary>The deadline of a request that names none, queueing included.</summary>
    public TimeSpan Timeout { get; } = timeout;

    /// <summary>Whether a higher order takes what the lower ones have no room for.</summary>
    public bool Overflow { get; } = overflow;

    /// <summary>How often the client of a stream hears that it is still alive.</summary>
    public Rhythm Heartbeat { get; init; }

    /// <summary>Whether what a deployment cannot express is left out and listed, instead of refusing the request there.</summary>
    public bool DropParams { get; init; }

    public RouteState State { get; } = state;

    /// <summary>It stands in the configuration, as opposed to being implied by provider/model.</summary>
    public bool IsConfigured { get; } = isConfigured;

    /// <summary>The same with one of its deployments alone, or with another one.</summary>
    public RouteModel NarrowedTo(DeploymentModel deployment) =>
        Deployments is [var only] && only == deployment ? this
            : new(Name, [deployment], Balance, Timeout, Overflow, State, IsConfigured) { DropParams = DropParams, Heartbeat = Heartbeat };
}

/// <summary>What outlives a reload for one route.</summary>
internal sealed class RouteState
{
    private const double Weight = 0.1;
    private double _meanOutput;

    /// <summary>Tokens that its answers have had on average, recent ones counting more. A lost update is harmless.</summary>
    public int MeanOutput => (int)Volatile.Read(ref _meanOutput);

    public void Observe(long outputTokens)
    {
        var mean = Volatile.Read(ref _meanOutput);
        Volatile.Write(ref _meanOutput, mean == 0 ? outputTokens : mean + (Weight * (outputTokens - mean)));
    }
}
