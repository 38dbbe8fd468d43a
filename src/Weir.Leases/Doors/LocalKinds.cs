using System.Text.Json;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State.Texts;

namespace Weir.Leases.Doors;

/// <summary>The kinds of this replica, asked so that an exception of theirs is a failure that says its message.</summary>
internal sealed class LocalKinds(ResourceKinds kinds, KindSorts sorts, IInstances instances)
{
    /// <summary>
    /// The resource with what stands behind it. What was made for its grant is known here before this replica has read the record of the lease that tells it, and is made now
    /// where it was not. After a start this waits until it is known what of a former run still stands: before that, nobody can say that something is gone.
    /// </summary>
    public async ValueTask<KindResult<LeasedResource>> WithInstanceAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        var record = resource.Resource;
        if (record.Home is null || sorts.Of(record.Kind)?.TraitsOf(resource.Options).HasFlag(KindTraits.Instances) is not true)
            return KindResult.Of(resource);
        var (made, error) = await instances.EnsureAsync(new Stored<ResourceRecord>(record, resource.Session.Fence), resource.Session.LeaseId, cancellationToken);
        return new KindResult<LeasedResource>(error is null ? resource with { Resource = record with { Instance = made } } : null!, error);
    }

    public async Task<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        if (kinds.Of(resource.Resource.Kind) is not { } kind)
            return KindResult.Failed<JsonElement?>(Unknown(resource));
        try
        {
            var (standing, error) = await WithInstanceAsync(resource, cancellationToken);
            if (error is not null)
                return KindResult.Failed<JsonElement?>(error);
            var made = await kind.InitialiseAsync(standing, config, cancellationToken);
            return made is { Error: null, Value: { } details } && ForeignJson.FaultOf(details, KindLevels.Details) is { } fault ? KindResult.Failed<JsonElement?>(Strange(resource, fault)) : made;
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            return KindResult.Failed<JsonElement?>(Failed(fault));
        }
    }

    public async Task<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        if (kinds.Of(resource.Resource.Kind) is not { } kind)
            return KindResult.Failed<Observation?>(Unknown(resource));
        try
        {
            var (standing, error) = await WithInstanceAsync(resource, cancellationToken);
            if (error is not null)
                return KindResult.Failed<Observation?>(error);
            var seen = await kind.ObserveAsync(standing, cancellationToken);
            return seen is { Error: null, Value.AccessibilityTree: { } tree } && ForeignJson.FaultOf(tree, KindLevels.Tree) is { } fault ? KindResult.Failed<Observation?>(Strange(resource, fault)) : seen;
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            return KindResult.Failed<Observation?>(Failed(fault));
        }
    }

    public async Task<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken)
    {
        if (kinds.Of(resource.Resource.Kind) is not { } kind)
            return KindReply.Failed(Unknown(resource));
        try
        {
            var (standing, error) = await WithInstanceAsync(resource, cancellationToken);
            return error is null ? await kind.UseAsync(standing, call, cancellationToken) : KindReply.Failed(error);
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            return KindReply.Failed(Failed(fault));
        }
    }

    // What would be kept, or is one of many in an answer, must not be what nobody can write.
    private static LeaseError Strange(LeasedResource resource, JsonFault fault) => new(502, "kind_failed", fault.SentenceOf($"What the kind '{resource.Resource.Kind}' tells of it"));

    private static LeaseError Unknown(LeasedResource resource) => new(503, "unavailable", $"This replica does not know resources of kind '{resource.Resource.Kind}'.");

    private static LeaseError Failed(Exception fault) => fault is State.StoreUnavailableException
        ? new LeaseError(503, "unavailable", fault.Message) { RetryAfter = TimeSpan.FromSeconds(1) }
        : new LeaseError(500, "kind_failed", fault.Message);
}
