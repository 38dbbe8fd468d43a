using ModelContextProtocol.Protocol;
using Weir.Leases.Broker;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Lifecycle;

/// <summary><c>renew_lease</c>: puts the end of leases one ttl from now.</summary>
internal sealed class RenewLeaseTool(HoldingChoice holdings, ILeaseBroker broker) : McpTool
{
    public override Tool Definition { get; } = Define(
        "renew_lease",
        "Renew a lease",
        "Puts the end of a lease one ttl from now: all of the worker's, or one. Every use of a resource renews its lease too, so this is for pauses. "
        + "Answers {leases: [{lease_id, fence, expires_at}]}.",
        $$"""
        { "type": "object", "additionalProperties": false, "required": ["worker_id"], "properties": {
            "worker_id": {{LifecycleSchemas.WorkerId}},
            "lease_id": {{LifecycleSchemas.LeaseId}},
            "fence": { "type": "integer", "minimum": 0, "description": "The fence of the lease that lease_id names: with an older one it is refused. Default: not checked." },
            "ttl": {{LifecycleSchemas.Ttl}} } }
        """,
        ToolHints.Lifecycle | ToolHints.Idempotent);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        var fence = call.Arguments.Value("fence")?.GetInt64();
        if (fence is not null && call.Arguments.Text(HoldingChoice.Lease) is null)
            return McpResults.Failed($"A fence belongs to one lease: give '{HoldingChoice.Lease}' too.");
        TimeSpan? ttl = call.Arguments.Number("ttl") is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        var (held, none) = await holdings.AllAsync(call, cancellationToken);
        if (none is not null) return McpResults.Failed(none);

        var ids = held.Select(one => one.Lease.Value.Id).Distinct(StringComparer.Ordinal);
        var answers = await Task.WhenAll(ids.Select(async id => (Id: id, Answer: await broker.RenewAsync(call.Asker, id, fence, ttl, cancellationToken))));
        var leases = answers.Select(one => one.Answer.Lease is { } lease
            ? new Renewal { LeaseId = one.Id, Fence = lease.Value.FenceOf(lease.Version), ExpiresAt = lease.Value.EndsAt }
            : new Renewal { LeaseId = one.Id, Error = McpResults.SentenceOf(one.Answer.Error!) }).ToList();
        return McpResults.Structured(new Renewals(leases), leases.Exists(one => one.Error is not null));
    }

    private sealed record Renewals(IReadOnlyList<Renewal> Leases);

    private sealed record Renewal
    {
        public required string LeaseId { get; init; }

        public long? Fence { get; init; }

        public DateTimeOffset? ExpiresAt { get; init; }

        public string? Error { get; init; }
    }
}
