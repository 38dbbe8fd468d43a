using Weir.Inference.Routing;

namespace Weir.Inference.Providers;

/// <summary>What an operator may do to a provider of this replica while it serves.</summary>
public sealed class ProviderControl
{
    private readonly Lock _changing = new();
    private readonly RouteTables _tables;

    internal ProviderControl(RouteTables tables) => _tables = tables;

    /// <summary>Whether the configuration in force has it.</summary>
    public bool Has(string provider) => _tables.Current.Providers.ContainsKey(provider);

    /// <summary>Takes a provider out of use, or with null back into it. Holds also for one that is not configured yet.</summary>
    public void Pause(string provider, ProviderPause? pause)
    {
        lock (_changing)
        {
            var position = _tables.Switches.Of(provider);
            var wasShut = position.IsShut;
            position.Pause = pause;
            if (position.IsShut == wasShut)
            {
                return;
            }

            foreach (var deployment in _tables.DeploymentsOf(provider))
            {
                // An endless pause refuses all who wait; whoever slips in behind it meets the switch after the lane.
                if (wasShut)
                {
                    deployment.Lane.Resume();
                }
                else
                {
                    deployment.Lane.Pause(Timeout.InfiniteTimeSpan);
                }
            }
        }
    }

    /// <summary>Closes its breakers, and forgets refused keys and the pauses that it asked for. An operator's pause stays.</summary>
    public void Reset(string provider)
    {
        lock (_changing)
        {
            var isShut = _tables.Switches.Of(provider).IsShut;
            foreach (var deployment in _tables.DeploymentsOf(provider))
            {
                deployment.Breaker.Reset();
                deployment.Answered();
                if (!isShut)
                {
                    deployment.Lane.Resume();
                }
            }
        }
    }
}
