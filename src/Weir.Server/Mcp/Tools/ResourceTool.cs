using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol.Protocol;
using Weir.Leases.Kinds;
using Weir.Server.Keys;

namespace Weir.Server.Mcp.Tools;

/// <summary>What a model may do with a resource of a kind: the kind's own tool, and arguments that choose the resource.</summary>
internal sealed class ResourceTool(string sort, IReadOnlyList<string> kinds, KindTool tool, HoldingChoice holdings) : McpTool
{
    private static readonly (string Name, string Description)[] Choosing =
    [
        (HoldingChoice.Worker, "The worker whose resource is used. Not needed in a session that allocated it."),
        (HoldingChoice.Lease, "The lease whose resource is used. Default: the session's own, else the worker's only one."),
        (HoldingChoice.Resource, "Which resource, where the lease holds several of this kind."),
    ];

    public override Tool Definition { get; } = new()
    {
        Name = tool.Name,
        Description = tool.Description,
        InputSchema = WithChoosing(tool.Schema),
        Annotations = new ToolAnnotations { ReadOnlyHint = tool.IsReadOnly, DestructiveHint = tool.IsReadOnly ? false : null, OpenWorldHint = !tool.IsReadOnly },
        Meta = new JsonObject { ["weir/kind"] = sort },
    };

    public override bool IsOffered(Caller caller) => kinds.Any(caller.MayUseKind);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        var (held, fault) = await holdings.OneAsync(call, sort, cancellationToken);
        if (held is null) return McpResults.Failed(fault!);
        var arguments = call.Arguments.All.Where(pair => !Choosing.Any(one => one.Name == pair.Key) || IsTools(pair.Key)).ToDictionary(StringComparer.Ordinal);
        var made = tool.Call(JsonSerializer.SerializeToElement(arguments));
        return McpResults.Of(await holdings.UseAsync(call, held, made, cancellationToken));
    }

    private bool IsTools(string name) => tool.Schema.TryGetProperty("properties", out var own) && own.TryGetProperty(name, out _);

    private static JsonElement WithChoosing(JsonElement schema)
    {
        var whole = JsonObject.Create(schema) ?? [];
        whole["type"] = "object";
        if (whole["properties"] is not JsonObject properties) whole["properties"] = properties = [];
        foreach (var (name, description) in Choosing)
        {
            if (!properties.ContainsKey(name)) properties[name] = new JsonObject { ["type"] = "string", ["description"] = description };
        }

        return JsonSerializer.SerializeToElement(whole);
    }
}
