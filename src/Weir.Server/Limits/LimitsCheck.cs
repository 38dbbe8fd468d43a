using Weir.Inference.Limits;
using Weir.Server.Observability.Health;

namespace Weir.Server.Limits;

/// <summary>Whether limits hold over all replicas together at this moment.</summary>
internal sealed class LimitsCheck(SharedWindows windows) : IReadinessCheck
{
    public string Name => "limits";

    public DependencyHealth Check() => windows.IsAway
        ? DependencyHealth.Degraded($"The state store does not answer: each of {windows.Replicas} replicas keeps to its part of each limit.")
        : DependencyHealth.Ok;
}
