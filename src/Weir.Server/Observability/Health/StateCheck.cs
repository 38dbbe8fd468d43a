using Weir.State;

namespace Weir.Server.Observability.Health;

/// <summary>The state store: away, or set up in a way that can lose what it promises to keep.</summary>
internal sealed class StateCheck(IStateStore store) : IReadinessCheck
{
    public string Name => "state";

    public DependencyHealth Check()
    {
        var health = store.Health;
        if (health.Available)
            return health.Warnings.Count == 0 ? DependencyHealth.Ok : DependencyHealth.Degraded(health.Warnings);

        return DependencyHealth.Degraded([$"The {health.Kind} store does not answer; what needs no commit goes on.", .. health.Warnings]);
    }
}
