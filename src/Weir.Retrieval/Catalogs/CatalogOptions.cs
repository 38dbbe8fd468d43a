using System.ComponentModel.DataAnnotations;

namespace Weir.Retrieval.Catalogs;

/// <summary>A catalog of tools, as configured: it makes the catalog where there is none, for all tenants; afterwards what is stored counts.</summary>
public sealed record CatalogOptions
{
    /// <summary>MCP servers whose tools these are, at most 16. A name that two of them have is prefixed by each one's name: <c>files.search</c>.</summary>
    public IReadOnlyList<McpSourceOptions> Mcp { get; init; } = [];

    /// <summary>A JSON file with a list of tools, relative to the working directory. Null: none. Not beside mcp.</summary>
    public string? Load { get; init; }

    /// <summary>The embedding model that compares queries with tools.</summary>
    public string EmbeddingModel { get; init; } = "default";

    /// <summary>What each field of a tool counts for.</summary>
    public CatalogWeightOptions Weights { get; init; } = new();
}

/// <summary>What each field of a tool counts for, from 0 to 1; only their proportion matters, and they are not all 0.</summary>
public sealed record CatalogWeightOptions
{
    /// <summary>What the tool says about itself.</summary>
    [Range(0.0, 1.0)]
    public double Description { get; init; } = 0.4;

    /// <summary>Names, descriptions and allowed values of its parameters.</summary>
    [Range(0.0, 1.0)]
    public double Parameters { get; init; } = 0.3;

    /// <summary>What it is for: as given, and the words of its name and category.</summary>
    [Range(0.0, 1.0)]
    public double Functionality { get; init; } = 0.3;
}

/// <summary>One MCP server: a command that speaks over its standard streams, or a URL.</summary>
public sealed record McpSourceOptions
{
    /// <summary>What it is called in states, categories and prefixes. Null: the last word of the command, or the host of the URL.</summary>
    [RegularExpression("[A-Za-z0-9][A-Za-z0-9_-]{0,31}")]
    public string? Name { get; init; }

    /// <summary>The program to start; it ends with this server. Null: there is a url.</summary>
    public string? Command { get; init; }

    /// <summary>What the program is started with.</summary>
    public IReadOnlyList<string> Args { get; init; } = [];

    /// <summary>Variables of the program, beside the few that every program needs (PATH, HOME, LANG …): no others are handed on.</summary>
    [DataType(DataType.Password)]
    public IReadOnlyDictionary<string, string> Env { get; init; } = new Dictionary<string, string>();

    /// <summary>The address of a server that speaks Streamable HTTP, or HTTP with server-sent events. Null: there is a command.</summary>
    public string? Url { get; init; }

    /// <summary>Sent with each request to the url, such as Authorization.</summary>
    [DataType(DataType.Password)]
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
}
