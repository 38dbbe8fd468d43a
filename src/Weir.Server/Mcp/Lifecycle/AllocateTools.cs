using ModelContextProtocol.Protocol;
using Weir.Leases.Doors;
using Weir.Server.Leases;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Lifecycle;

/// <summary><c>allocate_batch_resources</c>: one resource of each kind, all at once or none.</summary>
internal sealed class AllocateBatchTool(Allocation allocation, IDoors doors) : McpTool
{
    public override Tool Definition { get; } = Define(
        "allocate_batch_resources",
        "Allocate resources",
        "Leases one resource of each kind that is named, all of them at once or none: at once if they are free, else when it is the worker's turn. "
        + "Answers a map from each kind to its resource: id, type, base_url, token, status, lease_id, fence, expires_at. "
        + "Fails at once where there can never be so many. Give them back with release_batch_resources.",
        $$"""
        { "type": "object", "additionalProperties": false, "required": ["worker_id", "resource_types"], "properties": {
            "worker_id": {{LifecycleSchemas.WorkerId}},
            "resource_types": { "description": "The kinds, each once, such as [\"rag\", \"vm\"]: a list, or a string that holds one as JSON.",
              "anyOf": [ { "type": "array", "minItems": 1, "maxItems": 256, "items": { "type": "string", "minLength": 1, "maxLength": 200 } }, { "type": "string", "minLength": 2, "maxLength": 60000 } ] },
            "timeout": {{LifecycleSchemas.Timeout}},
            "ttl": {{LifecycleSchemas.Ttl}} } }
        """,
        ToolHints.Lifecycle);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        var (types, fault) = call.Arguments.Strings("resource_types");
        if (types is null) return McpResults.Failed(fault!);
        var (demands, error) = LegacyShapes.DemandsOf(types);
        if (error is not null) return McpResults.Failed(error);
        var answer = await allocation.AllocateAsync(call, demands, cancellationToken);
        return answer.Lease is { } lease ? McpResults.Structured(LegacyShapes.MapOf(lease, doors)) : McpResults.Failed(answer.Error!);
    }
}

/// <summary><c>allocate_single_resource</c>: one resource.</summary>
internal sealed class AllocateSingleTool(Allocation allocation, IDoors doors) : McpTool
{
    public override Tool Definition { get; } = Define(
        "allocate_single_resource",
        "Allocate a resource",
        "Leases one resource: at once if one is free, else when it is the worker's turn. Answers its id, type, base_url, token, status, lease_id, fence and expires_at. "
        + "Whoever needs several kinds together asks for them together, by allocate_batch_resources.",
        $$"""
        { "type": "object", "additionalProperties": false, "required": ["worker_id", "resource_type"], "properties": {
            "worker_id": {{LifecycleSchemas.WorkerId}},
            "resource_type": { "type": "string", "minLength": 1, "maxLength": 200, "description": "The kind, such as \"rag\"." },
            "timeout": {{LifecycleSchemas.Timeout}},
            "ttl": {{LifecycleSchemas.Ttl}} } }
        """,
        ToolHints.Lifecycle);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        var (demands, error) = LegacyShapes.DemandsOf([call.Arguments.Required("resource_type")]);
        if (error is not null) return McpResults.Failed(error);
        var answer = await allocation.AllocateAsync(call, demands, cancellationToken);
        return answer.Lease is { } lease ? McpResults.Structured(LegacyShapes.Of(lease, lease.Value.Holdings[0], doors)) : McpResults.Failed(answer.Error!);
    }
}
