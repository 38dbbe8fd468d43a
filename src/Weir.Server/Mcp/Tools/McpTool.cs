using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol.Protocol;
using Weir.Server.Keys;

namespace Weir.Server.Mcp.Tools;

/// <summary>A tool that a client of <c>/mcp</c> may call.</summary>
internal abstract class McpTool
{
    /// <summary>As clients see it. The arguments of a call have been held against its schema.</summary>
    public abstract Tool Definition { get; }

    /// <summary>Whether a caller may use it; others do not see it.</summary>
    public virtual bool IsOffered(Caller caller) => true;

    /// <summary>What cannot be done is a result that says so; an exception is a fault of the program, or of the store.</summary>
    public abstract Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken);

    protected static Tool Define(string name, string title, string description, string schema, ToolHints hints) => new()
    {
        Name = name,
        Title = title,
        Description = description,
        InputSchema = JsonElement.Parse(schema),
        Annotations = new ToolAnnotations
        {
            Title = title,
            ReadOnlyHint = hints.HasFlag(ToolHints.ReadOnly),
            DestructiveHint = hints.HasFlag(ToolHints.Destructive),
            IdempotentHint = hints.HasFlag(ToolHints.Idempotent),
            OpenWorldHint = hints.HasFlag(ToolHints.OpenWorld),
        },
        Meta = hints.HasFlag(ToolHints.Lifecycle) ? new JsonObject { [LifecycleMark] = true, ["tags"] = new JsonArray("lifecycle") } : null,
    };

    /// <summary>In <c>_meta</c> of a tool that allocates or releases: a program calls it, and hides it from its model.</summary>
    public const string LifecycleMark = "weir/lifecycle";
}

/// <summary>What a client may know of a tool without calling it.</summary>
[Flags]
internal enum ToolHints
{
    None = 0,
    ReadOnly = 1,
    Destructive = 2,
    Idempotent = 4,

    /// <summary>It reaches what is outside of Weir.</summary>
    OpenWorld = 8,

    /// <summary>It belongs to the program around a model, not to the model.</summary>
    Lifecycle = 16,
}
