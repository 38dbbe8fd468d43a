using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Leases.Fleet;

/// <summary>A kind, and what its sort makes of its definition; worked out once for each version of it.</summary>
internal sealed class FleetKind
{
    private readonly HashSet<string> _slots;

    /// <param name="stored">The definition.</param>
    /// <param name="sort">Null: this replica knows no such sort, and grants nothing of it.</param>
    public FleetKind(Stored<KindRecord> stored, KindSort? sort)
    {
        (Stored, Sort) = (stored, sort);
        Traits = sort?.TraitsOf(Options) ?? KindTraits.None;
        _slots = sort?.SlotsOf(Options).ToHashSet(StringComparer.Ordinal) ?? [];
    }

    public Stored<KindRecord> Stored { get; }

    public string Name => Stored.Value.Name;

    public KindOptions Options => Stored.Value.Options;

    public KindSort? Sort { get; }

    public KindTraits Traits { get; }

    /// <summary>How many slots there are; of a kind with instances, on each replica.</summary>
    public int Slots => _slots.Count;

    /// <summary>Nothing outside the store is touched to initialise one: a lease of such kinds alone is one commit.</summary>
    public bool IsSimple => (Traits & (KindTraits.Initialises | KindTraits.Instances)) == 0;

    /// <summary>It has to be made clean, or anew, before it is given out again.</summary>
    public bool IsReset => (Traits & (KindTraits.Resets | KindTraits.Instances)) != 0;

    /// <summary>Whether the definition still asks for a resource.</summary>
    public bool AsksFor(ResourceRecord resource)
    {
        var slot = resource.Slot;
        if (resource.Home is { } home && slot.Length > home.Length + 1 && slot[home.Length] == '.' && slot.StartsWith(home, StringComparison.Ordinal))
            return _slots.Contains(slot[(home.Length + 1)..]);
        return _slots.Contains(slot);
    }
}
