using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Weir.Client;

/// <summary>A tool that an agent may call.</summary>
/// <param name="Name">Unique in its catalog.</param>
/// <param name="Description">What it does, in words of who looks for it.</param>
public sealed record CatalogTool(string Name, string Description)
{
    /// <summary>A JSON Schema. Null: it takes none.</summary>
    public JsonNode? Parameters { get; init; }

    /// <summary>What it is for. Null: taken from its name and category.</summary>
    public string? Functionality { get; init; }

    public string? Category { get; init; }

    /// <summary>How it is called: <c>mcp</c>, <c>http</c>, <c>function</c> and the like.</summary>
    public string? Protocol { get; init; }
}

/// <summary>A running MCP server that a catalog takes its tools from: either a URL, or a command (for an admin).</summary>
public sealed record McpSource
{
    public Uri? Url { get; init; }

    /// <summary>Sent with each request to <see cref="Url"/>.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    public string? Command { get; init; }

    public IReadOnlyList<string>? Args { get; init; }

    public IReadOnlyDictionary<string, string>? Env { get; init; }
}

/// <summary>A catalog as it stands.</summary>
public sealed record CatalogInfo
{
    public string Name { get; init; } = "";

    /// <summary>Read by all tenants.</summary>
    public bool Global { get; init; }

    /// <summary>Of the tools and settings; it only grows.</summary>
    public long Version { get; init; }

    /// <summary>The version that searches answer from. Null: the first search builds the index.</summary>
    public long? Indexed { get; init; }

    /// <summary><c>ready</c>, <c>indexing</c> or <c>idle</c>.</summary>
    public string? State { get; init; }

    /// <summary>How many tools.</summary>
    public long Tools { get; init; }

    public string? EmbeddingModel { get; init; }

    /// <summary>All else that the server says of it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A tool that was found.</summary>
public sealed record ToolResult
{
    public string Name { get; init; } = "";

    /// <summary>0 to 1.</summary>
    public double Score { get; init; }

    public string? Category { get; init; }

    public string? Protocol { get; init; }

    /// <summary>A sentence: what of it fits.</summary>
    public string? Reason { get; init; }
}

internal sealed record McpBody(McpSource Mcp);

internal sealed record ToolSearch(string Query, int? TopK, string? Category, double? MinScore);

internal sealed record ToolResults
{
    public IReadOnlyList<ToolResult> Results { get; init; } = [];
}
