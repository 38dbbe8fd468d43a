using Microsoft.Extensions.Logging;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Leases.Upkeep;

/// <inheritdoc cref="IKindDesk"/>
internal sealed partial class KindDesk(
    IStateStore store, IFleetView view, FleetCommits commits, KindSorts sorts, KnownKinds kinds, AbleKinds able, LeaseTaking taking, LeaseMetrics metrics, FirstMaking making, LeaseFleet fleet,
    ILogger<KindDesk> logger) : IKindDesk
{
    private const int MostTries = 5;
    private const int LongestReason = 500;

    private readonly ILogger _logger = logger;
    private readonly string _partition = fleet.Partition;

    public async Task<KindAnswer> PutAsync(string name, KindOptions options, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < MostTries; tries++)
        {
            var others = await ListAsync(cancellationToken).ConfigureAwait(false);
            if (Fault(name, options, others) is { } fault)
                return new KindAnswer(null, fault);
            var record = new KindRecord(name, options);
            var before = others.FirstOrDefault(kind => kind.Value.Name == name);
            if (before is not null && KindDrift.AreSame(before.Value.Options, options))
                return new KindAnswer(before, null);
            // Names and aliases are told apart by what is stored of the others: that must still stand.
            var checks = others.Where(kind => kind != before).Take(FleetCommits.MostWrites).Select(kind => new Check(LeaseDocuments.Kinds + kind.Value.Name, kind.Version)).ToList();
            var write = new Write(LeaseDocuments.Kinds + name, before?.Version ?? 0, LeaseDocuments.Write(record));
            if (await commits.TryAsync([write], cancellationToken, checks).ConfigureAwait(false) is { } revision)
            {
                LogPut(name);
                return new KindAnswer(new Stored<KindRecord>(record, revision), null);
            }
        }

        return new KindAnswer(null, Contended(name));
    }

    public async Task<LeaseError?> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < MostTries; tries++)
        {
            if (await store.ReadAsync(_partition, LeaseDocuments.Kinds + name, cancellationToken).ConfigureAwait(false) is not { } document)
                return null;
            if (await commits.TryAsync([new Write(document.Key, document.Version, null)], cancellationToken).ConfigureAwait(false) is null)
                continue;
            LogDeleted(name);
            return null;
        }

        return Contended(name);
    }

    public async Task<LeaseError?> QuarantineAsync(string resourceId, string? reason, CancellationToken cancellationToken)
    {
        if (reason?.Length > LongestReason)
            return new LeaseError(422, "invalid_value", $"reason has more than {LongestReason} characters.") { Param = "reason" };
        var why = string.IsNullOrWhiteSpace(reason) ? "quarantined by an operator" : reason;
        return await ChangeAsync(
            resourceId,
            async resource => resource.Value.State == ResourceState.Leased
                ? await taking.TakeAsync(resourceId, resource.Version, record => record.Withheld(why), LeaseErrors.ResourceQuarantined, $"{resourceId} was taken out of use: {why}", cancellationToken).ConfigureAwait(false)
                : await commits.TryAsync(resource, resource.Value.Withheld(why), cancellationToken).ConfigureAwait(false) is not null,
            cancellationToken).ConfigureAwait(false);
    }

    // A claim that another replica still holds is waited for: what it does to the resource may still go on.
    public Task<LeaseError?> RestoreAsync(string resourceId, CancellationToken cancellationToken) => ChangeAsync(
        resourceId,
        async resource => resource.Value.State != ResourceState.Quarantined
            || await commits.TryAsync(resource, resource.Value.Resetting(resource.Value.Claim) with { Failures = 0 }, cancellationToken).ConfigureAwait(false) is not null,
        cancellationToken);

    public ValueTask MadeAsync(CancellationToken cancellationToken) => making.WaitAsync(cancellationToken);

    public IReadOnlyList<KindStatus> Status()
    {
        var waiting = view.Leases.Where(lease => lease.Value.State == LeaseState.Waiting)
            .SelectMany(lease => lease.Value.Demands.Select(demand => demand.Kind).Distinct(StringComparer.Ordinal)).CountBy(kind => kind, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        var resources = view.Resources().ToLookup(resource => resource.Value.Kind, resource => resource.Value.State, StringComparer.Ordinal);
        return [.. view.Kinds.Select(kind => StatusOf(kind.Value.Name, [.. resources[kind.Value.Name]], waiting.GetValueOrDefault(kind.Value.Name)))];
    }

    public LeaseError? Unable(string kind) => kinds.Find(kind) is { } known ? able.Why(known)
        : view.Kind(kind) is null ? null
        : new LeaseError(503, "unavailable", $"This replica does not know the sort '{ResourceKinds.SortOf(kind)}': it runs another version.");

    private KindStatus StatusOf(string name, ResourceState[] states, int waiting)
    {
        var (allocations, releases) = metrics.Of(name);
        return new KindStatus(name, states.Length, Count(ResourceState.Free), Count(ResourceState.Leased), Count(ResourceState.Resetting), Count(ResourceState.Quarantined), waiting, allocations, releases);

        int Count(ResourceState state) => states.Count(each => each == state);
    }

    private LeaseError? Fault(string name, KindOptions options, IReadOnlyList<Stored<KindRecord>> others)
    {
        if (KindFaults.Of(sorts, name, options, others.Select(kind => KeyValuePair.Create(kind.Value.Name, kind.Value.Options))) is not { Count: > 0 } faults)
            return null;
        var code = sorts.Of(name) is null ? "unknown_kind" : "invalid_value";
        return new LeaseError(422, code, string.Join(" ", faults.Select(fault => fault.Setting.Length == 0 ? fault.Message : $"{fault.Setting} {fault.Message}")))
        {
            Param = faults[0].Setting is { Length: > 0 } setting ? setting : null,
        };
    }

    // The store is asked: a kind that another replica has just made counts.
    private async Task<IReadOnlyList<Stored<KindRecord>>> ListAsync(CancellationToken cancellationToken)
    {
        var all = new List<Stored<KindRecord>>();
        IReadOnlyList<Document> page = [];
        do
        {
            page = await store.ListAsync(_partition, LeaseDocuments.Kinds, page.Count == 0 ? null : page[^1].Key, FleetCommits.MostWrites, cancellationToken).ConfigureAwait(false);
            all.AddRange(page.Select(document => LeaseDocuments.ReadKind(document.Body.Span) is { } kind ? new Stored<KindRecord>(kind, document.Version) : null).OfType<Stored<KindRecord>>());
        }
        while (page.Count == FleetCommits.MostWrites);
        return all;
    }

    private async Task<LeaseError?> ChangeAsync(string resourceId, Func<Stored<ResourceRecord>, Task<bool>> change, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < MostTries; tries++)
        {
            if (view.Resource(resourceId) is not { } resource)
                return new LeaseError(404, "not_found", $"There is no resource '{resourceId}'. GET /v1/resources lists them.");
            if (await change(resource).ConfigureAwait(false))
                return null;
            await commits.CatchUpAsync(cancellationToken).ConfigureAwait(false);
        }

        return Contended(resourceId);
    }

    private static LeaseError Contended(string name) => new(409, "conflict", $"'{name}' is being changed by others at the same time: try again.");

    [LoggerMessage(EventName = "KindPut", Level = LogLevel.Information, Message = "The kind {Kind} was made or changed.")]
    private partial void LogPut(string kind);

    [LoggerMessage(EventName = "KindDeleted", Level = LogLevel.Information, Message = "The kind {Kind} was ended.")]
    private partial void LogDeleted(string kind);
}
