using Weir.Leases.Documents;

namespace Weir.Leases.Broker;

/// <summary>Which fleet this replica is of.</summary>
public sealed record LeaseFleet(string Name)
{
    public string Partition { get; } = LeaseDocuments.PartitionOf(Name);
}
