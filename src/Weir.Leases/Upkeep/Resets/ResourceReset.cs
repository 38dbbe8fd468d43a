using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Leases.Upkeep.Resets;

/// <summary>
/// Brings one resource back to use, or out of the world. What stands behind it is ended under the document that names it; a new instance is named there before it
/// is made. So whatever happens in between, the document names all that there can be of it.
/// </summary>
internal sealed partial class ResourceReset(
    FleetCommits commits, MadeInstances made, ReplicaName replica, UpkeepLimits limits, UpkeepMetrics metrics, TimeProvider time, Random random, ILogger<ResourceReset> logger)
{
    private readonly ILogger _logger = logger;

    /// <returns>What goes on though its time is up: until it ends, nothing else may be done to the resource here. Null: nothing.</returns>
    /// <exception cref="StoreUnavailableException">The store is away: the resource stands as it did, and is taken up again.</exception>
    public async Task<Task?> RunAsync(ResetWork work, CancellationToken stoppingToken)
    {
        var began = time.GetTimestamp();
        if (await ClaimAsync(work, stoppingToken).ConfigureAwait(false) is not { } held)
            return await LostAsync(null, stoppingToken).ConfigureAwait(false);
        var steps = new Steps(work, held, began);
        await DoAsync(steps, stoppingToken).ConfigureAwait(false);
        var took = time.GetElapsedTime(began);
        if (steps.IsLost)
            return await LostAsync(steps.Lingering, stoppingToken).ConfigureAwait(false);
        metrics.Reset(work.Kind.Name, steps.Error, took);
        var isKept = steps.Error is { } error ? await QuarantineAsync(steps, error, stoppingToken).ConfigureAwait(false)
            : !work.IsWanted ? await commits.TryAsync([FleetCommits.Remove(steps.Held)], stoppingToken).ConfigureAwait(false) is not null
            : await FreeAsync(steps, took, stoppingToken).ConfigureAwait(false);
        return isKept ? steps.Lingering : await LostAsync(steps.Lingering, stoppingToken).ConfigureAwait(false);
    }

    // Its resource is busy until the view shows who was first: another look would find the same to do, and lose again.
    private async Task<Task?> LostAsync(Task? lingering, CancellationToken cancellationToken)
    {
        if (lingering is null)
            await commits.CatchUpAsync(cancellationToken).ConfigureAwait(false);
        return lingering;
    }

    private async Task<bool> FreeAsync(Steps steps, TimeSpan took, CancellationToken cancellationToken)
    {
        if (await commits.TryAsync(steps.Held, steps.Held.Value.Freed(steps.Made), cancellationToken).ConfigureAwait(false) is null)
            return false;
        LogFree(steps.Work.Resource.Value.Id, took);
        return true;
    }

    // A home alone works on its resources, and by the ids of their instances: what is given back to it needs no claim. Elsewhere the commit also shows that what was
    // seen is not old: a reset must never come to a resource that has been leased again.
    private async Task<Stored<ResourceRecord>?> ClaimAsync(ResetWork work, CancellationToken cancellationToken)
    {
        var (record, now) = (work.Resource.Value, commits.Now);
        var lasts = work.Kind.Options.ResetWithin + limits.Grace;
        if (record.State == ResourceState.Resetting && record.Home is not null)
            return work.Resource;
        return await commits.TryAsync(work.Resource, record.Resetting(new ResourceClaim(replica.Id, now + lasts + limits.ClaimMargin)), cancellationToken).ConfigureAwait(false);
    }

    private async Task DoAsync(Steps steps, CancellationToken stoppingToken)
    {
        var kind = steps.Work.Kind;
        if (steps.Held.Value.Instance is { } old)
        {
            await made.SettledAsync(old.Id, stoppingToken).ConfigureAwait(false);
            var held = steps.Held.Value;
            if (!await TryAsync(steps, token => Done(kind.Implementation.DestroyAsync(new KindResource(held, kind.Options), token)), stoppingToken).ConfigureAwait(false))
                return;
            made.Ended(old.Id);
        }

        if (steps.Work.Creates)
            await CreateAsync(steps, stoppingToken).ConfigureAwait(false);
        else if (steps.Work.IsWanted && !kind.HasInstances)
            await CleanAsync(steps, stoppingToken).ConfigureAwait(false);
    }

    private async Task CreateAsync(Steps steps, CancellationToken stoppingToken)
    {
        var (kind, record) = (steps.Work.Kind, steps.Held.Value);
        var instance = new ResourceInstance(Guid.NewGuid().ToString("N")[..16], null) { Definition = kind.Definition };
        if (await commits.TryAsync(steps.Held, record with { Instance = instance }, stoppingToken).ConfigureAwait(false) is not { } named)
        {
            steps.IsLost = true;
            return;
        }

        steps.Held = named;
        made.Named(named);
        var resource = new KindResource(named.Value, kind.Options);
        await TryAsync(
            steps,
            async token =>
            {
                var result = await kind.Implementation.CreateAsync(resource, token).ConfigureAwait(false);
                steps.Made = result.Error is null ? instance with { Data = result.Value } : null;
                return new KindResult<bool>(true, result.Error);
            },
            stoppingToken).ConfigureAwait(false);
        // What is finished after all, when nobody waits any more, is nobody's.
        if (steps.Lingering is { } late)
            steps.Lingering = EndLateAsync(late, resource, kind.Implementation);
    }

    private async Task CleanAsync(Steps steps, CancellationToken stoppingToken)
    {
        var (kind, resource) = (steps.Work.Kind, new KindResource(steps.Held.Value, steps.Work.Kind.Options));
        if (kind.Has(KindTraits.Resets) && !await TryAsync(steps, async token => new KindResult<bool>(true, await kind.Implementation.ResetAsync(resource, token).ConfigureAwait(false)), stoppingToken).ConfigureAwait(false))
            return;
        if (kind.Has(KindTraits.Checks))
            await TryAsync(steps, async token => new KindResult<bool>(true, await kind.Implementation.CheckAsync(resource, token).ConfigureAwait(false)), stoppingToken).ConfigureAwait(false);
    }

    private async Task<bool> TryAsync(Steps steps, Func<CancellationToken, ValueTask<KindResult<bool>>> effect, CancellationToken stoppingToken)
    {
        var left = steps.Work.Kind.Options.ResetWithin - time.GetElapsedTime(steps.Began);
        var done = await BoundedEffect.RunAsync(effect, left > TimeSpan.Zero ? left : TimeSpan.Zero, limits.Grace, time, stoppingToken).ConfigureAwait(false);
        (steps.Error, steps.Lingering) = (done.Result.Error, done.Lingering);
        // It is all of the reset that has so long, not what was left for the last of its steps.
        if (steps.Error is { Code: BoundedEffect.TimedOut } late)
            steps.Error = late with { Message = BoundedEffect.TooLong(steps.Work.Kind.Options.ResetWithin) };
        if (steps.Error is not null)
            stoppingToken.ThrowIfCancellationRequested();
        return steps.Error is null;
    }

    // The claim stands while something of it goes on, so that no other replica begins beside it.
    private async Task<bool> QuarantineAsync(Steps steps, LeaseError error, CancellationToken cancellationToken)
    {
        var record = steps.Held.Value;
        var after = limits.RetryAfter(record.Failures + 1, random);
        LogFailed(record.Id, error.Message, after);
        var failed = record.Failed(error.Message, commits.Now + after);
        return await commits.TryAsync(steps.Held, steps.Lingering is null ? failed with { Claim = null } : failed, cancellationToken).ConfigureAwait(false) is not null;
    }

    private async Task EndLateAsync(Task late, KindResource resource, ResourceKind kind)
    {
        await late.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var ended = await BoundedEffect.RunAsync(token => Done(kind.DestroyAsync(resource, token)), resource.Options.ResetWithin, limits.Grace, time, CancellationToken.None).ConfigureAwait(false);
        if (ended.Lingering is { } still)
            await still.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async ValueTask<KindResult<bool>> Done(ValueTask task)
    {
        await task.ConfigureAwait(false);
        return KindResult.Of(true);
    }

    private sealed class Steps(ResetWork work, Stored<ResourceRecord> held, long began)
    {
        public ResetWork Work => work;

        public long Began => began;

        /// <summary>The resource as it stands now, in our hands.</summary>
        public Stored<ResourceRecord> Held { get; set; } = held;

        public ResourceInstance? Made { get; set; }

        public LeaseError? Error { get; set; }

        public Task? Lingering { get; set; }

        /// <summary>Somebody else has changed the resource: it is theirs.</summary>
        public bool IsLost { get; set; }
    }

    [LoggerMessage(EventName = "ResourceFree", Level = LogLevel.Debug, Message = "{Resource} is free again after {Took}.")]
    private partial void LogFree(string resource, TimeSpan took);

    [LoggerMessage(EventName = "ResetFailed", Level = LogLevel.Warning, Message = "{Resource} could not be reset, is quarantined, and is tried again in {After}: {Reason}")]
    private partial void LogFailed(string resource, string reason, TimeSpan after);
}

/// <summary>This run of this replica, as claims name it.</summary>
internal sealed record ReplicaName(string Id);
