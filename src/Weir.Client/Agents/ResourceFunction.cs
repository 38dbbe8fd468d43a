using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Weir.Client;

/// <summary>A tool on one resource, as Microsoft.Extensions.AI takes it.</summary>
internal sealed class ResourceFunction(string name, ResourceTool tool, AgentResource resource) : AIFunction
{
    public override string Name => name;

    public override string Description => tool.Description;

    public override JsonElement JsonSchema => tool.Schema;

    protected override async ValueTask<object?> InvokeCoreAsync(AIFunctionArguments arguments, CancellationToken cancellationToken)
    {
        var given = new JsonObject();
        // Models write null where they leave something out.
        foreach (var (argument, value) in arguments)
        {
            if (value is not null and not JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined })
                given[argument] = NodeOf(value);
        }

        return await tool.Invoke(resource, given, cancellationToken).ConfigureAwait(false);
    }

    private static JsonNode? NodeOf(object value) => value is JsonNode node
        ? node.DeepClone()
        : JsonSerializer.SerializeToNode(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType()));
}
