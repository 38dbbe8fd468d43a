using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Broker;

/// <summary>Makes what stands behind a resource that was granted while nothing did.</summary>
public interface IInstances
{
    /// <summary>Makes the instance of a cold resource on its home, wherever that is. The resource's document is not written: the lease remembers the instance until it ends.</summary>
    /// <param name="resource">Leased, without an instance.</param>
    /// <param name="leaseId">The lease that holds it.</param>
    /// <param name="cancellationToken">Nobody waits for it any more: nothing of it may be left.</param>
    /// <returns>The instance, or why there is none.</returns>
    ValueTask<KindResult<ResourceInstance>> EnsureAsync(Stored<ResourceRecord> resource, string leaseId, CancellationToken cancellationToken);
}
