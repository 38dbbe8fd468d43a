using System.Text.Json;
using Weir.Retrieval.Catalogs;
using Weir.Server.Errors;
using Weir.Server.Hosting;

namespace Weir.Server.Retrieval;

/// <summary>Settings of a catalog; what is left out stays, or has its default.</summary>
internal sealed record CatalogSettings
{
    /// <summary>For all tenants: an admin's to say.</summary>
    public bool? Global { get; init; }

    public string? EmbeddingModel { get; init; }

    public CatalogWeightOptions? Weights { get; init; }
}

/// <summary>The body that replaces a catalog's tools, where it is an object: either tools or mcp.</summary>
internal sealed record CatalogTools
{
    /// <summary>The tools.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>An MCP server, or a list of them: each with a url and headers, or a command with args and env, which takes an admin.</summary>
    public JsonElement? Mcp { get; init; }

    /// <summary>For all tenants: an admin's to say.</summary>
    public bool? Global { get; init; }

    public string? EmbeddingModel { get; init; }

    public CatalogWeightOptions? Weights { get; init; }

    /// <summary>Reads a list of tools, or the object.</summary>
    public static (CatalogChange? Change, ApiError? Error) Read(JsonElement body)
    {
        if (body.ValueKind == JsonValueKind.Array)
            return (new CatalogChange { Tools = body }, null);
        if (body.ValueKind != JsonValueKind.Object)
            return (null, ApiError.Malformed("The body must be a list of tools, or an object with \"tools\" or \"mcp\"."));

        var (given, error) = Part<CatalogTools>(body, null);
        if (given is null)
            return (null, error);
        if (given.Tools is null && given.Mcp is null)
            return (null, ApiError.Malformed("The body has neither \"tools\" nor \"mcp\": send one of them, or a list of tools."));
        IReadOnlyList<McpSourceOptions>? servers = null;
        if (given.Mcp is { ValueKind: JsonValueKind.Array } several)
            (servers, error) = Part<List<McpSourceOptions>>(several, "mcp");
        else if (given.Mcp is { } one && Part<McpSourceOptions>(one, "mcp") is var (server, fault))
            (servers, error) = (server is null ? null : [server], fault);
        if (error is null && servers?.Contains(null!) == true)
            error = ApiError.Malformed("mcp holds null where a server should stand.", "mcp");
        return error is not null ? (null, error)
            : (new CatalogChange { Tools = given.Tools, Mcp = servers, Global = given.Global, EmbeddingModel = given.EmbeddingModel, Weights = given.Weights }, null);
    }

    private static (T? Value, ApiError? Error) Part<T>(JsonElement element, string? place)
        where T : class
    {
        try
        {
            return element.Deserialize<T>(WireJson.Options) is { } value ? (value, null) : (null, ApiError.Malformed($"{place ?? "The body"} must not be null.", place));
        }
        catch (JsonException fault)
        {
            var inner = fault.Path is { Length: > 2 } path && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : null;
            var at = (place, inner) switch { (null, _) => inner, (_, null) => place, _ => $"{place}.{inner}" };
            return (null, ApiError.Malformed($"{at ?? "The body"} is not known here, or has the wrong type.", at));
        }
    }
}
