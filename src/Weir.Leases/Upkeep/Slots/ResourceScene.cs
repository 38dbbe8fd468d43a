using Weir.Leases.Documents;
using Weir.Leases.Fleet;

namespace Weir.Leases.Upkeep.Slots;

/// <summary>What one look at the fleet shows.</summary>
/// <param name="Kinds">The kinds.</param>
/// <param name="Resources">The resources, in the order of their ids.</param>
/// <param name="Home">This replica's lasting name.</param>
/// <param name="Replica">This run of it.</param>
/// <param name="Now">Store time.</param>
internal sealed record ResourceScene(KindScene Kinds, IReadOnlyList<Stored<ResourceRecord>> Resources, string Home, string Replica, DateTimeOffset Now)
{
    /// <summary>The resources that something is being done to here. The value: an instance is being made.</summary>
    public required IReadOnlyDictionary<string, bool> Busy { get; init; }

    public bool IsBusy(string id) => Busy.ContainsKey(id);
}
