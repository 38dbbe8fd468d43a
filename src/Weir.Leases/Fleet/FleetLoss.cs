namespace Weir.Leases.Fleet;

/// <summary>What a store that came back empty, or from an older copy, has forgotten of a fleet.</summary>
/// <param name="Kinds">Kinds that nobody has ended.</param>
/// <param name="Resources">How many resources.</param>
/// <param name="Leases">How many leases that had not ended.</param>
internal sealed record FleetLoss(IReadOnlyList<FleetKind> Kinds, int Resources, int Leases)
{
    /// <summary>How long a kind may take to be made again: until then nobody is told that there is none.</summary>
    public static readonly TimeSpan MadeAgainWithin = TimeSpan.FromSeconds(5);

    /// <summary>All that is known now.</summary>
    public static (List<FleetKind> Kinds, List<string> Resources, List<string> Leases) Held(FleetTables tables) =>
        ([.. tables.Kinds.Values], [.. tables.Resources.Keys], [.. tables.Leases.Values.Where(lease => !lease.Value.HasEnded).Select(lease => lease.Value.Id)]);

    /// <param name="held">What was known before.</param>
    /// <param name="tables">What is known now.</param>
    public static FleetLoss Of((List<FleetKind> Kinds, List<string> Resources, List<string> Leases) held, FleetTables tables) => new(
        [.. held.Kinds.Where(kind => !tables.Kinds.ContainsKey(kind.Name))],
        held.Resources.Count(id => !tables.Resources.ContainsKey(id)),
        held.Leases.Count(id => !tables.Leases.ContainsKey(id)));

    public bool Has(string nameOrAlias) => Kinds.Any(kind => kind.Name == nameOrAlias || kind.Options.Aliases.Contains(nameOrAlias));
}
