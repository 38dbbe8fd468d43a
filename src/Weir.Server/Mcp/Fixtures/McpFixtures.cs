using ModelContextProtocol.Server;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Fixtures;

/// <summary>
/// What the public conformance suite for servers calls by name: tools, resources and prompts that do nothing but show what the server can say. Off unless
/// asked for, since a model would see them.
/// </summary>
internal sealed class McpFixtures(bool enabled)
{
    public IEnumerable<McpTool> Tools { get; } = enabled ? [.. FixtureTools.All(), .. FixtureDialogues.All()] : [];

    public void AddTo(McpServerOptions options)
    {
        if (enabled) FixtureContents.AddTo(options);
    }
}

/// <summary>A tool of the conformance suite.</summary>
internal sealed class FixtureTool(string name, string description, string schema, Func<McpToolCall, CancellationToken, Task<ModelContextProtocol.Protocol.CallToolResult>> call) : McpTool
{
    public const string NoArguments = """{ "type": "object", "properties": {} }""";

    public override ModelContextProtocol.Protocol.Tool Definition { get; } = Define(name, name, description, schema, ToolHints.ReadOnly | ToolHints.Idempotent);

    public override Task<ModelContextProtocol.Protocol.CallToolResult> CallAsync(McpToolCall toolCall, CancellationToken cancellationToken) => call(toolCall, cancellationToken);
}
