using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>Has what stands behind a resource made on the replica where it lives.</summary>
internal interface IHomeInstances
{
    /// <param name="resource">Leased, and without an instance: its version is the fence.</param>
    /// <param name="leaseId">The lease that holds it.</param>
    /// <param name="cancellationToken">Nobody waits for it any more.</param>
    Task<KindResult<ResourceInstance>> MakeAsync(Stored<ResourceRecord> resource, string leaseId, CancellationToken cancellationToken);
}
