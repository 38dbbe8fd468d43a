using System.Text.Json;

namespace Weir.Retrieval.Catalogs;

/// <summary>A tool that an agent may call.</summary>
public sealed record ToolDefinition
{
    /// <summary>Unique in its catalog; 1 to 256 characters without blanks or control characters.</summary>
    public required string Name { get; init; }

    /// <summary>What it does, in words.</summary>
    public string Description { get; init; } = "";

    /// <summary>A JSON Schema object, or a list of parameters. Null: it takes none, or does not say.</summary>
    public JsonElement? Parameters { get; init; }

    /// <summary>What it is for, in words. Null: what its name and category say.</summary>
    public string? Functionality { get; init; }

    /// <summary>What it belongs to. For tools of an MCP server: the server's name.</summary>
    public string? Category { get; init; }

    /// <summary>How it is called: <c>mcp</c>, <c>http</c>, <c>function</c> … Null: it does not say.</summary>
    public string? Protocol { get; init; }

    /// <summary>The MCP server that has it, under this name there. Null: it was given in a list.</summary>
    public ToolOrigin? Origin { get; init; }
}

/// <summary>Where a tool comes from.</summary>
/// <param name="Server">The name of the MCP server in its catalog.</param>
/// <param name="Name">The tool's name at that server, without a prefix.</param>
public sealed record ToolOrigin(string Server, string Name);
