using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.State.Texts;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>
/// Reads pages of <c>tools/list</c> as they came: what is wrong with one tool costs that tool, or a part of it, and is noted; the others are kept.
/// </summary>
internal sealed class McpToolReader(string server, CatalogLimits catalog, McpLimits limits)
{
    private readonly Dictionary<string, ToolDefinition> _tools = new(StringComparer.Ordinal);
    private readonly List<ToolDefinition> _order = [];
    private readonly List<string> _notes = [];
    private int _unsaid;
    private long _bytes;

    /// <summary>No more fits.</summary>
    public bool IsFull => _order.Count >= catalog.Tools || _bytes >= limits.ListBytes;

    public McpListing Listing => new(_order, _unsaid == 0 ? _notes : [.. _notes, $"And {_unsaid} more like these."]);

    /// <exception cref="McpFaultException">It is not an answer to tools/list.</exception>
    public void Add(JsonElement page)
    {
        if (page.ValueKind != JsonValueKind.Object || !page.TryGetProperty("tools", out var tools) || tools.ValueKind != JsonValueKind.Array)
            throw new McpFaultException("Its answer to tools/list has no list of tools.");
        foreach (var tool in tools.EnumerateArray())
        {
            if (IsFull)
            {
                Note(_bytes >= limits.ListBytes
                    ? $"Its list takes more than {limits.ListBytes >> 20} MiB: the rest is left out."
                    : $"It has more than {catalog.Tools} tools: the rest is left out.");
                return;
            }

            Read(tool);
        }
    }

    public void Note(string note)
    {
        if (_notes.Count < limits.Notes)
            _notes.Add(note);
        else
            _unsaid++;
    }

    private void Read(JsonElement tool)
    {
        var size = JsonMarshal.GetRawUtf8Value(tool).Length;
        _bytes += size;
        if (tool.ValueKind != JsonValueKind.Object || Text(tool, "name") is not { } name || !ToolListReader.IsName(name))
        {
            Note("A tool has no name that can be used: it is left out.");
        }
        else if (size > catalog.ToolBytes)
        {
            Note($"{Shown(name)} takes {size} bytes, over {catalog.ToolBytes}: it is left out.");
        }
        else if (_tools.ContainsKey(name))
        {
            Note($"{Shown(name)} stands in the list more than once: the first one is kept.");
        }
        else
        {
            var definition = new ToolDefinition
            {
                Name = name,
                Description = Text(tool, "description") ?? "",
                Parameters = Schema(tool, name),
                Functionality = Title(tool),
                Category = server,
                Protocol = "mcp",
                Origin = new ToolOrigin(server, name),
            };
            _tools.Add(name, definition);
            _order.Add(definition);
        }
    }

    private JsonElement? Schema(JsonElement tool, string name)
    {
        if (!tool.TryGetProperty("inputSchema", out var schema) || schema.ValueKind == JsonValueKind.Null)
        {
            Note($"{Shown(name)} has no inputSchema: it is kept without parameters.");
            return null;
        }

        if (JsonDepth.IsOver(schema))
        {
            Note($"The inputSchema of {Shown(name)} nests deeper than {JsonDepth.Most} levels: it is kept without parameters.");
            return null;
        }

        if (ForeignJson.FaultOf(schema) is not null)
        {
            Note($"The inputSchema of {Shown(name)} holds half of a surrogate pair, which is no text: it is kept without parameters.");
            return null;
        }

        if (schema.ValueKind == JsonValueKind.Object && (!schema.TryGetProperty("type", out var type) || (type.ValueKind == JsonValueKind.String && type.ValueEquals("object"u8))))
            return schema.Clone();
        Note($"The inputSchema of {Shown(name)} does not describe an object: it is kept without parameters.");
        return null;
    }

    private static string? Title(JsonElement tool) =>
        Text(tool, "title") ?? (tool.TryGetProperty("annotations", out var annotations) && annotations.ValueKind == JsonValueKind.Object ? Text(annotations, "title") : null);

    private static string? Text(JsonElement holder, string name)
    {
        try
        {
            return holder.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair is no text.
            return null;
        }
    }

    private static string Shown(string name) => name.Length <= 60 ? $"'{name}'" : $"'{name[..60]}…'";
}
