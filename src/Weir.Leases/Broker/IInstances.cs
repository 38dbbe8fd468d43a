using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Broker;

/// <summary>Makes what stands behind a resource that was granted while nothing did.</summary>
public interface IInstances
{
    /// <summary>
    /// The instance of a leased resource: the one it has, or one under <see cref="ResourceInstance.IdOf"/>, which its home makes: it has been made when this returns, and
    /// elsewhere the home is asked for it. Asked again for the same grant, it gives the same. The resource's document is not written: the lease remembers the instance until it
    /// ends.
    /// </summary>
    /// <param name="resource">Leased: its version is the fence.</param>
    /// <param name="leaseId">The lease that holds it.</param>
    /// <param name="cancellationToken">Nobody waits for it any more. What was made for a grant that has ended, and that no document names, is ended by itself.</param>
    /// <returns>The instance, or why there is none.</returns>
    ValueTask<KindResult<ResourceInstance>> EnsureAsync(Stored<ResourceRecord> resource, string leaseId, CancellationToken cancellationToken);
}
