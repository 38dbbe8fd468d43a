using System.Text.Json;
using Weir.Server.Errors;

namespace Weir.Server.Retrieval;

/// <summary>The body that adds tools to a catalog: a list of them, this object, or one tool.</summary>
internal sealed record CatalogUpsert
{
    /// <summary>The tools.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>The list that is meant.</summary>
    public static (JsonElement Tools, ApiError? Error) Read(JsonElement body)
    {
        if (body.ValueKind == JsonValueKind.Array)
            return (body, null);
        if (body.ValueKind != JsonValueKind.Object)
            return (default, ApiError.Malformed("The body must be a list of tools, an object with \"tools\", or one tool."));
        if (body.TryGetProperty("mcp", out _))
            return (default, ApiError.Malformed("An MCP server's tools are a whole catalog: send it by PUT.", "mcp"));
        if (!body.TryGetProperty("tools", out var tools))
            return (JsonSerializer.SerializeToElement(new[] { body }), null);
        return body.EnumerateObject().FirstOrDefault(member => member.Name != "tools") is { Value.ValueKind: not JsonValueKind.Undefined } other
            ? (default, ApiError.Malformed($"{(other.Name.Length <= 40 ? other.Name : "A member of the body")} is not known here: settings of a catalog are sent by PUT.", other.Name.Length <= 40 ? other.Name : null))
            : (tools, null);
    }
}
