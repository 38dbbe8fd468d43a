using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Leases.Documents;

namespace Weir.Leases.Kinds;

/// <summary>
/// What does the work of a sort of resource. Everything that leases do is done for each kind alike, in these steps; what a kind has nothing to do for, it does not
/// override. One object serves all kinds of its sort and all of their resources, from any number of threads. What a definition alone tells is the sort's own:
/// <see cref="IKindOfSort.Sort"/>.
/// </summary>
/// <remarks>
/// No method is called under a lock. A method that takes a token ends soon after it is cancelled. An exception counts as a failure that says its message.
/// </remarks>
public abstract class ResourceKind
{
    /// <summary>The code of an error of <see cref="CheckAsync"/> that says more than that a resource is not well: its instance has ended, and no lease can use it any more.</summary>
    public const string InstanceEnded = "instance_ended";

    /// <summary>Why this replica cannot have resources of such a kind at all; asked once for each definition. Null: it can.</summary>
    public virtual ValueTask<LeaseError?> UnableAsync(KindOptions options, CancellationToken cancellationToken) => ValueTask.FromResult<LeaseError?>(null);

    /// <summary>Makes what stands behind a resource, under the id that <see cref="ResourceRecord.Instance"/> already names. Only with <see cref="KindTraits.Instances"/>.</summary>
    /// <returns>What is to be remembered of it, or why it could not be made; then nothing of it is left.</returns>
    public virtual ValueTask<KindResult<JsonElement?>> CreateAsync(KindResource resource, CancellationToken cancellationToken) => ValueTask.FromResult(KindResult.Of<JsonElement?>(null));

    /// <summary>Ends an instance by its own identity, however often, and also one that was never finished.</summary>
    public virtual ValueTask DestroyAsync(KindResource resource, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>After a restart: whether an instance still stands as it was, and is this replica's to use. Whatever no document names, it ends.</summary>
    /// <param name="known">Every resource of this sort with this home that has an instance.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The ids of those instances that stand.</returns>
    public virtual ValueTask<IReadOnlySet<string>> AdoptAsync(IReadOnlyList<KindResource> known, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlySet<string>>(new HashSet<string>());

    /// <summary>Makes a resource ready for the lease that holds it now; also again, with another config. Always called, also without a config.</summary>
    /// <returns>What to tell the client of it, or why it cannot be used so.</returns>
    public virtual ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken) => ValueTask.FromResult(KindResult.Of<JsonElement?>(null));

    /// <summary>What a worker sees first. Null in the result: there is nothing to see.</summary>
    public virtual ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken) => ValueTask.FromResult(KindResult.Of<Observation?>(null));

    /// <summary>Uses it: what a call through its door, or a tool, comes down to.</summary>
    public virtual ValueTask<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken) => ValueTask.FromResult(KindReply.Unknown(resource, call));

    /// <summary>Serves a request that came through the resource's door, which has checked it. <see cref="HttpRequest.Path"/> is what follows the <c>base_url</c>.</summary>
    public virtual Task ServeAsync(HttpContext context, LeasedResource resource) => KindServing.ServeAsync(this, context, resource);

    /// <summary>A lease has ended: whatever is remembered of it is forgotten. Called at most once on the replica that ends it, at best effort; nothing may depend on it.</summary>
    public virtual ValueTask ForgetAsync(LeasedResource resource, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Makes a resource clean after a lease. Only with <see cref="KindTraits.Resets"/>, and not with <see cref="KindTraits.Instances"/>, where a new instance does that.</summary>
    public virtual ValueTask<LeaseError?> ResetAsync(KindResource resource, CancellationToken cancellationToken) => ValueTask.FromResult<LeaseError?>(null);

    /// <summary>Whether a resource is well. Null: it is. Only with <see cref="KindTraits.Checks"/>.</summary>
    public virtual ValueTask<LeaseError?> CheckAsync(KindResource resource, CancellationToken cancellationToken) => ValueTask.FromResult<LeaseError?>(null);

    /// <summary>What a model may do with such a resource.</summary>
    public virtual IReadOnlyList<KindTool> Tools => [];
}
