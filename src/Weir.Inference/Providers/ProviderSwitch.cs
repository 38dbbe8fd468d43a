using System.Collections.Concurrent;

namespace Weir.Inference.Providers;

/// <summary>A provider that an operator has taken out of use. Attempts under way are never cut.</summary>
/// <param name="Drain">True: who waits for it still goes there. False: who waits goes elsewhere, or is refused.</param>
/// <param name="Since">When it was asked for, UTC.</param>
/// <param name="By">The id of the key that asked for it.</param>
/// <param name="IsShared">Every replica knows of it; false: only this one, since the state store was away.</param>
public sealed record ProviderPause(bool Drain, DateTimeOffset Since, string By, bool IsShared);

/// <summary>Whether a provider is in use: outlives reloads, also one that takes the provider away and one that brings it back.</summary>
internal sealed class ProviderSwitch
{
    private volatile ProviderPause? _pause;

    /// <summary>Null: in use.</summary>
    public ProviderPause? Pause
    {
        get => _pause;
        set => _pause = value;
    }

    /// <summary>New requests may be sent there.</summary>
    public bool IsOn => _pause is null;

    /// <summary>Nothing more may be sent there, not even for who has waited.</summary>
    public bool IsShut => _pause is { Drain: false };
}

/// <summary>The switches of all providers by name.</summary>
internal sealed class ProviderSwitches
{
    private readonly ConcurrentDictionary<string, ProviderSwitch> _switches = new(StringComparer.Ordinal);

    public ProviderSwitch Of(string provider) => _switches.GetOrAdd(provider, static _ => new ProviderSwitch());
}
