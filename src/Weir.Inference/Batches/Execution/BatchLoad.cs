using Weir.Inference.Batches.Documents;

namespace Weir.Inference.Batches.Execution;

/// <summary>Which batches are under way in this replica at one moment.</summary>
internal sealed class BatchLoad
{
    public BatchLoad(IEnumerable<(PendingRecord Batch, bool IsLook)> underWay)
    {
        foreach (var (batch, isLook) in underWay)
        {
            var (tenant, id) = (batch.Tenant, batch.Id);
            Tenants[tenant] = Tenants.GetValueOrDefault(tenant) + 1;
            if (!isLook)
            {
                Runs++;
                Running[tenant] = Running.GetValueOrDefault(tenant) + 1;
                continue;
            }

            Looks++;
            if (!Looked.TryGetValue(tenant, out var first) || string.CompareOrdinal(id, first) < 0)
            {
                Looked[tenant] = id;
            }
        }
    }

    public int Runs { get; }

    public int Looks { get; }

    /// <summary>Of each tenant: runs and looks together.</summary>
    public Dictionary<string, int> Tenants { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, int> Running { get; } = new(StringComparer.Ordinal);

    /// <summary>Of each tenant: the first that is being looked at.</summary>
    public Dictionary<string, string> Looked { get; } = new(StringComparer.Ordinal);
}
