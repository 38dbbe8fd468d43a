using Weir.Inference.Routing;

namespace Weir.Inference.Status;

/// <summary>One route as this replica sees it now.</summary>
public sealed record RouteStatus
{
    public required string Name { get; init; }

    public required Balance Balance { get; init; }

    /// <summary>The deadline of a request that names none.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>Whether a higher order takes what the lower ones have no room for.</summary>
    public required bool Overflow { get; init; }

    /// <summary>Tokens that its answers have had on average, recent ones counting more; 0 before the first.</summary>
    public required int MeanOutput { get; init; }

    /// <summary>Whether a request would be sent or queued now.</summary>
    public required bool Usable { get; init; }

    /// <summary>Lowest order first, one for each key.</summary>
    public required IReadOnlyList<RouteDeploymentStatus> Deployments { get; init; }
}

/// <summary>A deployment in a route.</summary>
public sealed record RouteDeploymentStatus
{
    /// <summary><c>provider/model</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The place of its key among the provider's.</summary>
    public required int Key { get; init; }

    public required int Order { get; init; }

    public required double Weight { get; init; }

    public required bool Usable { get; init; }

    /// <summary>What keeps new requests away. Null: nothing.</summary>
    public string? Why { get; init; }

    /// <summary>In flight and queued over the working limit: 1 is full.</summary>
    public required double Load { get; init; }
}
