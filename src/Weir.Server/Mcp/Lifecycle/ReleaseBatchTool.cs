using ModelContextProtocol.Protocol;
using Weir.Leases;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Lifecycle;

/// <summary><c>release_batch_resources</c>: gives resources back; the last one of a lease ends it.</summary>
internal sealed class ReleaseBatchTool(HoldingChoice holdings, ILeaseBroker broker, IFleetView fleet) : McpTool
{
    public override Tool Definition { get; } = Define(
        "release_batch_resources",
        "Release resources",
        "Gives resources back; what the worker has given back before, or held in a lease that has ended, is given back again without error for as long as that is remembered. Answers {status: success | partial_error, details: {id: {success, message}}, failed_ids}.",
        $$"""
        { "type": "object", "additionalProperties": false, "required": ["worker_id"], "properties": {
            "worker_id": {{LifecycleSchemas.WorkerId}},
            "resource_ids": { "description": "The ids that allocate_batch_resources answered: a list, or a string that holds one as JSON. Default: all that the worker holds.",
              "anyOf": [ { "type": "array", "minItems": 1, "maxItems": 1000, "items": { "type": "string", "minLength": 1, "maxLength": 300 } }, { "type": "string", "minLength": 2, "maxLength": 1000000 } ] } } }
        """,
        ToolHints.Lifecycle | ToolHints.Destructive | ToolHints.Idempotent);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        var worker = call.Arguments.Required("worker_id");
        var (ids, fault) = call.Arguments.Strings("resource_ids");
        if (fault is not null) return McpResults.Failed(fault);
        var (held, nothing) = await holdings.AllAsync(call, cancellationToken);
        // Nothing is left to do for whoever has given all of it back; anybody else has mistaken the worker.
        if (ids is null && nothing is not null && !LeasesOf(call, worker).Any(lease => lease.HasEnded && lease.Holdings.Count > 0)) return McpResults.Failed(nothing);
        ids ??= [.. held.Select(one => one.Holding.Resource)];

        var details = new Dictionary<string, EntryOutcome>(StringComparer.Ordinal);
        var wanted = new List<Held>();
        foreach (var id in ids.Distinct(StringComparer.Ordinal))
        {
            if (held.FirstOrDefault(one => one.Holding.Resource == id) is { } own) wanted.Add(own);
            else details[id] = NotHeld(call, worker, id);
        }

        var released = await Task.WhenAll(wanted.GroupBy(one => one.Lease.Value.Id, StringComparer.Ordinal).Select(lease => ReleaseAsync(call, lease.Key, [.. lease])));
        foreach (var (id, outcome) in released.SelectMany(one => one)) details[id] = outcome;
        return BatchOutcome.ToResult(details, byId: true);
    }

    private async Task<IEnumerable<(string Id, EntryOutcome Outcome)>> ReleaseAsync(McpToolCall call, string lease, List<Held> held)
    {
        var whole = held.Count == held[0].Lease.Value.Holdings.Count;
        // Given back even if the client leaves now: it has said that it is done.
        var error = await broker.ReleaseAsync(call.Asker, lease, null, whole ? null : [.. held.Select(one => one.Holding.Resource)], CancellationToken.None);
        if (error is null && whole) call.Session?.Forget(lease);
        return held.Select(one => (one.Holding.Resource, OutcomeOf(error)));
    }

    private static EntryOutcome OutcomeOf(LeaseError? error) => error is null ? new EntryOutcome(true, "Given back.") : new EntryOutcome(false, McpResults.SentenceOf(error));

    /// <summary>The worker's leases, also those that are over, for as long as they are remembered.</summary>
    private IEnumerable<LeaseRecord> LeasesOf(McpToolCall call, string worker) =>
        fleet.Leases.Select(lease => lease.Value).Where(lease => lease.WorkerId == worker && lease.Tenant == call.Asker.Tenant);

    // Another tenant's lease is not told of: its resource is just not this worker's.
    private EntryOutcome NotHeld(McpToolCall call, string worker, string id)
    {
        // Whoever asks twice is told the same twice, also where somebody else has it by now.
        if (LeasesOf(call, worker).FirstOrDefault(lease => lease.GaveBack(id)) is { } had)
            return new EntryOutcome(true, had.Taken.LastOrDefault(one => one.Resource == id) is { } taken ? $"It was taken from the lease before: {taken.Reason.TrimEnd('.')}." : "It was given back before.");
        if (fleet.Resource(id) is not { } resource) return new EntryOutcome(false, $"There is no resource '{id}'. (not_found)");
        if (resource.Value.State != ResourceState.Leased) return new EntryOutcome(false, $"Worker '{worker}' does not hold it, and nobody else does. (not_holder)");
        return resource.Value.Lease is { } lease && broker.Find(call.Asker, lease) is { } other
            ? new EntryOutcome(false, $"Worker '{worker}' is not its holder: worker '{other.Value.WorkerId}' is, and alone gives it back. (not_holder)")
            : new EntryOutcome(false, $"Worker '{worker}' is not its holder. (not_holder)");
    }
}
