using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep.Resets;

namespace Weir.Leases.Upkeep.Health;

/// <summary>Checks one resource, and draws the conclusion.</summary>
internal sealed partial class HealthJudge(
    FleetCommits commits, LeaseTaking taking, ResetDesk desk, InstanceAdoption adoption, UpkeepLimits limits, UpkeepMetrics metrics, TimeProvider time, Random random, ILogger<HealthJudge> logger)
{
    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<string, int> _failed = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Task> _hung = new(StringComparer.Ordinal);

    /// <summary>
    /// What is being reset is checked by that; what an operator holds back stays as it is; what has no instance cannot be ill. Of what is quarantined, only that which a check
    /// has put there: a check says nothing of a reset that fails.
    /// </summary>
    public bool Concerns(ResourceRecord record, KnownKind kind) => record.State switch
    {
        _ when kind.HasInstances && !adoption.IsDone(kind.Sort.Name) => false,
        ResourceState.Free => !kind.HasInstances || record.Instance is not null,
        ResourceState.Leased => true,
        ResourceState.Quarantined => !record.Held && !kind.HasInstances && record.RetryAt is null,
        _ => false,
    };

    public async Task CheckAsync(Stored<ResourceRecord> resource, KnownKind kind, CancellationToken cancellationToken)
    {
        var record = resource.Value;
        var error = await AskAsync(resource, kind, cancellationToken).ConfigureAwait(false);
        if (error is null)
        {
            _failed.TryRemove(record.Id, out _);
            // A reset is what makes it fit for use again.
            if (record.State == ResourceState.Quarantined && !desk.IsBusy(record.Id) && await commits.TryAsync(resource, record.Resetting(record.Claim), cancellationToken).ConfigureAwait(false) is not null)
                LogWell(record.Id);
            return;
        }

        cancellationToken.ThrowIfCancellationRequested();
        metrics.CheckFailed(kind.Name);
        var hasEnded = kind.HasInstances && error.Code == ResourceKind.InstanceEnded;
        var failed = _failed.AddOrUpdate(record.Id, 1, (_, before) => before + 1);
        if (failed < limits.FailedChecks && !hasEnded)
            return;
        if (record.State == ResourceState.Free)
            await QuarantineAsync(resource, kind, error, cancellationToken).ConfigureAwait(false);
        else if (record.State == ResourceState.Leased && hasEnded)
            await LostAsync(resource, error, cancellationToken).ConfigureAwait(false);
        else if (record.State == ResourceState.Leased && failed == limits.FailedChecks)
            // Whoever has it may know what it is doing to it.
            LogUnwellLeased(record.Id, error.Message);
    }

    private async Task<LeaseError?> AskAsync(Stored<ResourceRecord> resource, KnownKind kind, CancellationToken cancellationToken)
    {
        var record = resource.Value;
        if (_hung.TryGetValue(record.Id, out var before) && !before.IsCompleted)
            return new LeaseError(504, "kind_timeout", "An earlier check has not ended yet.");
        _hung.TryRemove(record.Id, out _);
        var asked = new KindResource(record.State == ResourceState.Leased ? record with { Instance = taking.InstanceOf(resource) } : record, kind.Options);
        var done = await BoundedEffect.RunAsync(
            async token => new KindResult<bool>(true, await kind.Implementation.CheckAsync(asked, token).ConfigureAwait(false)), limits.CheckWithin, TimeSpan.Zero, time, cancellationToken).ConfigureAwait(false);
        if (done.Lingering is { } lingering)
            _hung[record.Id] = lingering;
        return done.Result.Error;
    }

    // An instance is made anew after a while; anything else is checked until it is well.
    private async Task QuarantineAsync(Stored<ResourceRecord> resource, KnownKind kind, LeaseError error, CancellationToken cancellationToken)
    {
        var record = resource.Value;
        DateTimeOffset? retryAt = kind.HasInstances ? commits.Now + limits.RetryAfter(record.Failures + 1, random) : null;
        if (await commits.TryAsync(resource, record.Failed(error.Message, retryAt), cancellationToken).ConfigureAwait(false) is null)
            return;
        _failed.TryRemove(record.Id, out _);
        LogUnwell(record.Id, error.Message);
    }

    private async Task LostAsync(Stored<ResourceRecord> resource, LeaseError error, CancellationToken cancellationToken)
    {
        var id = resource.Value.Id;
        if (await taking.TakeAsync(id, resource.Version, record => record.Resetting(null), "resource_lost", ResourceLost.Reason(resource.Value), cancellationToken).ConfigureAwait(false))
            LogLost(id, error.Message);
        _failed.TryRemove(id, out _);
    }

    [LoggerMessage(EventName = "ResourceUnwell", Level = LogLevel.Warning, Message = "{Resource} is not well and is quarantined: {Reason}")]
    private partial void LogUnwell(string resource, string reason);

    [LoggerMessage(EventName = "ResourceUnwellLeased", Level = LogLevel.Warning, Message = "{Resource} is not well; it is leased, and stays so: {Reason}")]
    private partial void LogUnwellLeased(string resource, string reason);

    [LoggerMessage(EventName = "ResourceLost", Level = LogLevel.Warning, Message = "{Resource} has ended under its lease, which goes on without it or ends: {Reason}")]
    private partial void LogLost(string resource, string reason);

    [LoggerMessage(EventName = "ResourceWell", Level = LogLevel.Information, Message = "{Resource} is well again and is reset.")]
    private partial void LogWell(string resource);
}
