using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Broker;

/// <summary>Makes what stands behind a resource that was granted before anything did, on its home.</summary>
public interface IInstances
{
    /// <summary>
    /// The instance of a leased resource: the one it has, or a new one under <see cref="ResourceInstance.IdOf"/>. Asked again for the same grant, it waits for and gives
    /// the same. Whatever was made for a grant that has ended, and that no document names, is ended by itself.
    /// </summary>
    /// <param name="resource">As it was granted: its version is the fence.</param>
    /// <param name="leaseId">The lease.</param>
    /// <param name="cancellationToken">Ends the wait; what is being made is ended once the grant is.</param>
    ValueTask<KindResult<ResourceInstance>> EnsureAsync(Stored<ResourceRecord> resource, string leaseId, CancellationToken cancellationToken);
}
