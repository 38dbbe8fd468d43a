using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Broker;

/// <summary>What is done with the resources of a lease, the same for every kind: make what is missing behind one, initialise it, look at it. All of a lease at once.</summary>
internal sealed class LeaseSteps(IServiceProvider services, TimeProvider time)
{
    /// <summary>The largest that a kind may tell of one resource, in characters of JSON.</summary>
    private const int LargestDetails = 16 << 10;

    /// <summary>The same of all resources of a lease, which is one document.</summary>
    private const int LargestDetailsOfAll = 128 << 10;

    private static readonly TimeSpan ObserveWithin = TimeSpan.FromSeconds(30);

    // Doors and instances stand on the view, and are asked for when they are first needed.
    private readonly Lazy<IKindCalls> _calls = new(services.GetRequiredService<IKindCalls>);
    private readonly Lazy<IInstances?> _instances = new(services.GetService<IInstances>);

    public IKindCalls Calls => _calls.Value;

    /// <summary>Initialises everything that was picked for a lease.</summary>
    /// <param name="lease">With its holdings.</param>
    /// <param name="fence">0: it is not committed yet, and nothing outside is touched.</param>
    /// <param name="picks">What its holdings are.</param>
    /// <param name="left">Nobody waits for it any more.</param>
    /// <returns>Each holding with what came of it, and the first fault.</returns>
    public async Task<(IReadOnlyList<LeaseHolding> Holdings, LeaseError? Fault)> InitialiseAsync(LeaseRecord lease, long fence, IReadOnlyList<GrantPick> picks, CancellationToken left)
    {
        var session = SessionOf(lease, fence);
        if (picks.Count == 1)
        {
            var (only, fault) = await InitialiseAsync(lease.Holdings[0], picks[0], session, left);
            return ([only], fault);
        }

        var done = await Task.WhenAll(picks.Select((pick, i) => InitialiseAsync(lease.Holdings[i], pick, session, left)));
        var first = done.Select(one => one.Fault).FirstOrDefault(fault => fault is not null);
        if (done.Sum(one => one.Holding.Details?.GetRawText().Length ?? 0) > LargestDetailsOfAll)
        {
            var large = new LeaseError(422, LeaseErrors.InitialisationFailed, $"The kinds told more than {LargestDetailsOfAll >> 10} KiB of the lease's resources in all.");
            return ([.. done.Select(one => one.Holding with { Details = null, Fault = large.Message })], large);
        }

        return ([.. done.Select(one => one.Holding)], first);
    }

    /// <summary>Initialises a resource that is held already with another config.</summary>
    public async Task<LeaseHolding> ConfigureAsync(LeaseHolding holding, LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        var (details, fault) = await InitialiseAsync(resource with { Config = config }, config, cancellationToken);
        return fault is null
            ? holding with { Config = config, Demand = null, Details = details, Fault = null }
            : holding with { Fault = fault.Message };
    }

    public async Task<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            return await Calls.ObserveAsync(resource, ends.Token).WaitAsync(ObserveWithin, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            await ends.CancelAsync();
            return KindResult.Failed<Observation?>(new LeaseError(504, "observation_failed", $"'{resource.Resource.Id}' showed nothing within {ObserveWithin.TotalSeconds:0} s."));
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return KindResult.Failed<Observation?>(new LeaseError(502, "observation_failed", $"'{resource.Resource.Id}': {e.Message}"));
        }
    }

    public static LeaseSession SessionOf(LeaseRecord lease, long fence) => new(lease.Id, fence, lease.WorkerId, lease.Tenant, lease.KeyId);

    private async Task<(LeaseHolding Holding, LeaseError? Fault)> InitialiseAsync(LeaseHolding holding, GrantPick pick, LeaseSession session, CancellationToken left)
    {
        var resource = pick.Resource.Value with { State = ResourceState.Leased, Lease = session.LeaseId };
        if (resource.Instance is null && pick.Kind.Traits.HasFlag(KindTraits.Instances))
        {
            var made = await BoundedAsync(pick.Kind.Options.InitialiseWithin, resource, token => MakeAsync(new Stored<ResourceRecord>(resource, session.Fence), session.LeaseId, token), left);
            if (made.Error is { } unmade)
                return (holding with { Fault = unmade.Message }, unmade);
            resource = resource with { Instance = made.Value };
            holding = holding with { Instance = made.Value };
        }

        var leased = new LeasedResource(resource, pick.Kind.Options, session, holding.Config);
        var (details, fault) = await InitialiseAsync(leased, holding.Config, left);
        return fault is null ? (holding with { Details = details }, null) : (holding with { Fault = fault.Message }, fault);
    }

    private async Task<(JsonElement? Details, LeaseError? Fault)> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        var (details, fault) = await BoundedAsync(resource.Options.InitialiseWithin, resource.Resource, token => Calls.InitialiseAsync(resource, config, token), cancellationToken);
        if (fault is null && details is { } told && told.GetRawText().Length > LargestDetails)
            fault = Failed(resource.Resource, $"its kind told more than {LargestDetails >> 10} KiB of it.");
        return (details, fault);
    }

    /// <summary>A step that does not end is left behind: the lease is rolled back, and its resource made anew.</summary>
    private async Task<KindResult<T>> BoundedAsync<T>(TimeSpan within, ResourceRecord resource, Func<CancellationToken, Task<KindResult<T>>> step, CancellationToken left)
    {
        CancellationTokenSource? ends = null;
        try
        {
            if (left.IsCancellationRequested)
                return KindResult.Failed<T>(Left());
            ends = CancellationTokenSource.CreateLinkedTokenSource(left);
            var running = step(ends.Token);
            var result = running.IsCompleted ? await running : await running.WaitAsync(within, time, left);
            return result.Error switch
            {
                null => result,
                // A home that is away, say: the same request may go well later.
                { Status: 503 } away => KindResult.Failed<T>(new LeaseError(503, LeaseErrors.Unavailable, away.Message) { RetryAfter = away.RetryAfter }),
                { } error => KindResult.Failed<T>(Failed(resource, error.Message)),
            };
        }
        catch (OperationCanceledException) when (left.IsCancellationRequested)
        {
            return KindResult.Failed<T>(Left());
        }
        catch (TimeoutException)
        {
            await ends!.CancelAsync();
            return KindResult.Failed<T>(Failed(resource, $"it was not ready within {within.TotalSeconds:0.###} s."));
        }
        catch (Exception e)
        {
            return KindResult.Failed<T>(Failed(resource, e.Message));
        }
        finally
        {
            ends?.Dispose();
        }
    }

    private async Task<KindResult<ResourceInstance>> MakeAsync(Stored<ResourceRecord> resource, string leaseId, CancellationToken cancellationToken) => _instances.Value is { } instances
        ? await instances.EnsureAsync(resource, leaseId, cancellationToken)
        : KindResult.Failed<ResourceInstance>(Failed(resource.Value, "nothing here makes instances."));

    private static LeaseError Failed(ResourceRecord resource, string why) => LeaseErrors.NotInitialised(resource.Id, why);

    private static LeaseError Left() => new(499, LeaseErrors.ClientLeft, "Its client left before it was ready.");
}
