using System.Text.Json;
using Weir.Retrieval.Embedding;

namespace Weir.Retrieval.Catalogs;

/// <summary>A catalog as its readers see it.</summary>
public sealed record CatalogView
{
    public required string Name { get; init; }

    /// <summary>Read by all tenants.</summary>
    public required bool Global { get; init; }

    /// <summary>Of the tools and settings as stored; it only grows.</summary>
    public required long Version { get; init; }

    /// <summary>The version that searches answer from. Null: no index is built, since nobody has asked; the first search builds it.</summary>
    public long? Indexed { get; init; }

    /// <summary><c>ready</c>, <c>indexing</c> (an older version answers meanwhile, if there is one) or <c>idle</c> (built when asked for).</summary>
    public required string State { get; init; }

    /// <summary>How many tools.</summary>
    public required int Tools { get; init; }

    public required string EmbeddingModel { get; init; }

    public required CatalogWeightOptions Weights { get; init; }

    /// <summary>Why words alone decide at present. Null: vectors do too.</summary>
    public string? Note { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>The MCP servers that the tools come from. Null: the tools were given in a list.</summary>
    public IReadOnlyList<CatalogSourceView>? Sources { get; init; }

    /// <summary>As the caller may see it: where everybody's tools come from, and what servers said, is the business of admins.</summary>
    internal CatalogView For(CatalogCaller caller) => !Global || caller.IsAdmin || Sources is null
        ? this
        : this with { Sources = [.. Sources.Select(source => source with { Command = null, Url = null, Error = null, Notes = null })] };
}

/// <summary>An MCP server of a catalog. Its arguments, variables and headers are shown to nobody; of everybody's catalogs, command, url, error and notes to admins only.</summary>
/// <param name="Name">As states, categories and prefixes name it.</param>
/// <param name="Command">The program, without its arguments. Null: it is reached at a url.</param>
/// <param name="Url">Without its query. Null: it is a program.</param>
/// <param name="State">connecting, connected or failed.</param>
/// <param name="Error">Why it failed; it is tried again by itself.</param>
/// <param name="Tools">The tools it had when its list was last read.</param>
/// <param name="RefreshedAt">When its list was last read, to about 5 minutes.</param>
/// <param name="Notes">What was wrong with its list.</param>
public sealed record CatalogSourceView(
    string Name, string? Command, string? Url, McpSourceState State, string? Error, int Tools, DateTimeOffset? RefreshedAt, IReadOnlyList<string>? Notes);

/// <summary>Who asks.</summary>
/// <param name="Tenant">Whose catalogs it reads and writes, beside everybody's.</param>
/// <param name="Client">Who is counted for embedding the query.</param>
/// <param name="IsAdmin">May name commands and private addresses, and write everybody's catalogs.</param>
public sealed record CatalogCaller(string Tenant, string Client, bool IsAdmin)
{
    /// <summary>Who pays for embedding the query, and which models may be used. Null: any, and nobody pays.</summary>
    public IEmbeddingAccount? Account { get; init; }
}

/// <summary>A change of a catalog, or a new one. What is null stays, or has its default.</summary>
public sealed record CatalogChange
{
    /// <summary>A list of tools that replaces what is there.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>MCP servers that replace what is there.</summary>
    public IReadOnlyList<McpSourceOptions>? Mcp { get; init; }

    /// <summary>For all tenants: an admin's to say.</summary>
    public bool? Global { get; init; }

    public string? EmbeddingModel { get; init; }

    public CatalogWeightOptions? Weights { get; init; }
}

/// <summary>What is looked for.</summary>
public sealed record ToolQuery
{
    /// <summary>In words; at most 4,000 characters.</summary>
    public required string Query { get; init; }

    /// <summary>1 to 100.</summary>
    public int TopK { get; init; } = 5;

    /// <summary>Only tools of this category, small and capital letters alike. Null: all.</summary>
    public string? Category { get; init; }

    /// <summary>0 to 1; tools below it are left out.</summary>
    public double MinScore { get; init; }

    /// <summary>What each result holds beside: <c>description</c>, <c>parameters</c>. Null: nothing.</summary>
    public IReadOnlyList<string>? Include { get; init; }
}

/// <summary>Tools, best first.</summary>
/// <param name="Results">None below the least score; equal scores in the order of names.</param>
/// <param name="Version">The version of the catalog that all of it is from.</param>
public sealed record ToolResults(IReadOnlyList<ToolResult> Results, long Version)
{
    /// <summary>Why words alone decided. Null: vectors did too.</summary>
    public string? Note { get; init; }
}

/// <summary>A tool that was found.</summary>
public sealed record ToolResult
{
    public required string Name { get; init; }

    /// <summary>0 to 1: the fields' similarities by their weights; 1 where the query is its name.</summary>
    public required double Score { get; init; }

    public string? Category { get; init; }

    public string? Protocol { get; init; }

    /// <summary>Which fields matched, how much, and with which words.</summary>
    public required string Reason { get; init; }

    public string? Description { get; init; }

    public JsonElement? Parameters { get; init; }
}

/// <summary>Some of a catalog's tools, in its order.</summary>
/// <param name="Data">The tools, whole.</param>
/// <param name="HasMore">There are others after the last.</param>
/// <param name="After">The name to go on after. Null: there is no more.</param>
/// <param name="Version">The version of the catalog that they are from.</param>
public sealed record ToolPage(IReadOnlyList<ToolDefinition> Data, bool HasMore, string? After, long Version);
