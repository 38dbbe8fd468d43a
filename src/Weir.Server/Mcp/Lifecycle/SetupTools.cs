using System.Text.Json;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Protocol;
using Weir.Leases.Kinds;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Lifecycle;

/// <summary><c>setup_batch_resources</c>: what the worker holds is initialised with configs.</summary>
internal sealed class SetupBatchTool(HoldingChoice holdings, Setup setup) : McpTool
{
    public override Tool Definition { get; } = Define(
        "setup_batch_resources",
        "Set resources up",
        "Initialises resources that the worker holds, each with its config, all at once. Answers {status: success | partial_error, details: {type: {success, message}}}. "
        + "A resource whose config is refused keeps the one that it had.",
        $$"""
        { "type": "object", "additionalProperties": false, "required": ["worker_id", "resource_init_configs"], "properties": {
            "worker_id": {{LifecycleSchemas.WorkerId}},
            "resource_init_configs": { "description": "From each kind to its config: an object, or a string that holds one as JSON; each config an object, a string that holds one as JSON, or null for the kind's defaults.",
              "anyOf": [ { "type": "object" }, { "type": "string", "minLength": 2, "maxLength": 1000000 } ] },
            "allocated_resources": { "description": "What allocate_batch_resources answered: says which resource is meant where the worker holds several of a kind. Else not needed.",
              "anyOf": [ { "type": "object" }, { "type": "string", "minLength": 2, "maxLength": 1000000 } ] },
            "lease_id": {{LifecycleSchemas.LeaseId}} } }
        """,
        ToolHints.Lifecycle | ToolHints.Idempotent);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        var (configs, fault) = call.Arguments.Object("resource_init_configs");
        if (configs is null) return McpResults.Failed(fault!);
        var (allocated, unreadable) = call.Arguments.Object("allocated_resources");
        if (unreadable is not null) return McpResults.Failed(unreadable);
        var (held, none) = await holdings.AllAsync(call, cancellationToken);
        if (none is not null) return McpResults.Failed(none);

        var details = new Dictionary<string, EntryOutcome>(StringComparer.Ordinal);
        var wanted = new Dictionary<string, (Held, JsonElement?)>(StringComparer.Ordinal);
        foreach (var (type, given) in configs.Value.EnumerateObject().GroupBy(one => one.Name, StringComparer.Ordinal).Select(same => (same.Key, same.Last().Value)))
        {
            var (config, wrong) = ConfigOf(given, type);
            var (one, unclear) = wrong is null ? Pick(held, type, IdIn(allocated, type)) : (null, null);
            if (one is null) details[type] = new EntryOutcome(false, wrong ?? unclear!);
            else if (wanted.Any(other => other.Value.Item1.Holding.Resource == one.Holding.Resource)) details[type] = new EntryOutcome(false, $"{one.Holding.Resource} is meant by another entry too.");
            else wanted[type] = (one, config);
        }

        if (details.Count + wanted.Count == 0) return McpResults.Failed("'resource_init_configs' is empty: name at least one kind.");
        foreach (var (type, outcome) in await setup.ConfigureAsync(call, wanted, cancellationToken)) details[type] = outcome;
        return BatchOutcome.ToResult(details);
    }

    internal static (JsonElement? Config, string? Fault) ConfigOf(JsonElement given, string name) =>
        given.ValueKind == JsonValueKind.Null ? (null, null) : ToolArguments.Unwrap(given, JsonValueKind.Object, name);

    private static string? IdIn(JsonElement? allocated, string type) =>
        allocated is { } map && map.TryGetProperty(type, out var resource) && resource.ValueKind == JsonValueKind.Object
        && resource.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String ? id.GetString() : null;

    private static (Held? Held, string? Fault) Pick(IReadOnlyList<Held> held, string type, string? id)
    {
        var fit = held.Where(one => one.Holding.AskedAs == type || one.Holding.Kind == type).ToList();
        if (id is not null) return fit.Find(one => one.Holding.Resource == id) is { } named ? (named, null) : (null, $"The worker does not hold '{id}'.");
        if (fit.Count > 1 && fit.Where(one => one.IsOwn).ToList() is { Count: > 0 } own) fit = own;
        return fit switch
        {
            [var only] => (only, null),
            [] => (null, $"The worker holds no '{type}': allocate it first, by allocate_batch_resources."),
            _ => (null, $"The worker holds several: name one in 'allocated_resources'. There are: {string.Join(", ", fit.Select(one => one.Named))}."),
        };
    }
}

/// <summary><c>setup_rag_session</c>, kept for older clients: updates a session that a batch made, and nothing else.</summary>
internal sealed partial class SetupRagTool(HoldingChoice holdings, Setup setup, McpMetrics metrics, ILogger<SetupRagTool> log) : McpTool
{
    private const string Sort = "rag";
    private const string Warning = "setup_rag_session is deprecated: allocate with allocate_batch_resources, and configure with setup_batch_resources.";

    public override Tool Definition { get; } = Define(
        "setup_rag_session",
        "Set a rag session up (deprecated)",
        "Deprecated: use setup_batch_resources. Updates the config of the rag session that allocate_batch_resources made for the worker; it makes none.",
        $$"""
        { "type": "object", "additionalProperties": false, "required": ["worker_id"], "properties": {
            "worker_id": {{LifecycleSchemas.WorkerId}},
            "config": { "description": "The session's new config: an object, or a string that holds one as JSON. Default: the kind's defaults.",
              "anyOf": [ { "type": "object" }, { "type": "string", "minLength": 2, "maxLength": 1000000 } ] } } }
        """,
        ToolHints.Lifecycle | ToolHints.Idempotent);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        metrics.Deprecated(Definition.Name);
        LogDeprecated(call.Caller.KeyId);
        var (config, wrong) = call.Arguments.Object("config");
        if (wrong is not null) return McpResults.Failed($"{wrong} {Warning}");
        var (held, none) = await holdings.AllAsync(call, cancellationToken);
        if (none is not null || held.All(one => ResourceKinds.SortOf(one.Holding.Kind) != Sort))
            return McpResults.Failed($"Worker '{call.Arguments.Required("worker_id")}' has no rag session, and this tool only updates one: allocate it with allocate_batch_resources. {Warning}");
        var (one, unclear) = await holdings.OneAsync(call, Sort, cancellationToken);
        if (one is null) return McpResults.Failed($"{unclear} {Warning}");
        var wanted = new Dictionary<string, (Held, JsonElement?)>(StringComparer.Ordinal) { [one.Holding.AskedAs] = (one, config) };
        return BatchOutcome.ToResult(await setup.ConfigureAsync(call, wanted, cancellationToken), warning: Warning);
    }

    [LoggerMessage(1, LogLevel.Warning, "Key {KeyId} called setup_rag_session, which is deprecated: setup_batch_resources does the same for every kind.", EventName = "mcp_deprecated_tool")]
    private partial void LogDeprecated(string keyId);
}
