using System.Text.Json;
using Weir.State.Texts;

namespace Weir.Retrieval.Catalogs;

/// <summary>
/// Reads a list of tools as clients send it: our own shape, and what requests to OpenAI (<c>{"type":"function","function":{…}}</c>), to
/// Anthropic (<c>input_schema</c>) and MCP servers' answers (<c>inputSchema</c>) hold. Every fault is told with its place.
/// </summary>
internal sealed class ToolListReader(CatalogLimits limits)
{
    private const int MostFaultsTold = 10;
    private const int LongestWord = 256;
    private const string NoText = "holds half of a surrogate pair, which is no text";
    private const string Known = "name, description, parameters, functionality, category, protocol";

    // Part of tools elsewhere, and nothing that finding one needs.
    private static readonly string[] Ignored = ["type", "strict", "title", "annotations", "outputSchema", "icons", "_meta", "execution", "cache_control"];

    private readonly List<(string Place, string Message)> _faults = [];

    /// <param name="list">The list.</param>
    /// <param name="place">What it is called in faults.</param>
    /// <param name="error">What is wrong with it; null: nothing.</param>
    public IReadOnlyList<ToolDefinition> Read(JsonElement list, string place, out RetrievalError? error)
    {
        _faults.Clear();
        var tools = new List<ToolDefinition>();
        if (list.ValueKind != JsonValueKind.Array)
        {
            _faults.Add((place, "must be a list of tools"));
        }
        else if (list.GetArrayLength() > limits.Tools)
        {
            _faults.Add((place, $"has {list.GetArrayLength()} tools; a catalog holds at most {limits.Tools}: make several catalogs"));
        }
        else
        {
            ReadTools(list, place, tools);
        }

        error = _faults.Count == 0 ? null : Error();
        return tools;
    }

    public static bool IsName(string name) =>
        name.Length is > 0 and <= LongestWord && !name.Any(c => char.IsControl(c) || char.IsWhiteSpace(c) || char.IsSurrogate(c));

    private void ReadTools(JsonElement list, string place, List<ToolDefinition> tools)
    {
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        long bytes = 0;
        var index = -1;
        foreach (var element in list.EnumerateArray())
        {
            var at = $"{place}[{++index}]";
            var size = element.ValueKind == JsonValueKind.Object ? System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(element).Length : 0;
            bytes += size;
            if (size > limits.ToolBytes)
            {
                _faults.Add((at, $"takes {size} bytes; a tool may take {limits.ToolBytes}"));
            }
            else if (ReadTool(element, at) is { } tool)
            {
                if (names.TryAdd(tool.Name, index))
                    tools.Add(tool);
                else
                    _faults.Add(($"{at}.name", $"repeats '{tool.Name}' of {place}[{names[tool.Name]}]"));
            }
        }

        if (bytes > limits.CatalogBytes)
            _faults.Add((place, $"takes {bytes} bytes in all; a catalog may take {limits.CatalogBytes}"));
    }

    private ToolDefinition? ReadTool(JsonElement element, string at)
    {
        try
        {
            return ReadFields(element, at);
        }
        catch (InvalidOperationException)
        {
            _faults.Add((at, "has a field whose name is half of a surrogate pair, which is no text"));
            return null;
        }
    }

    private ToolDefinition? ReadFields(JsonElement element, string at)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            _faults.Add((at, "must be an object with a name and a description"));
            return null;
        }

        if (element.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object)
            (element, at) = (function, at + ".function");

        var before = _faults.Count;
        string? name = null, description = null, functionality = null, category = null, protocol = null;
        JsonElement? parameters = null;
        foreach (var field in element.EnumerateObject())
        {
            switch (field.Name)
            {
                case "name":
                    name = Text(field.Value, at + ".name", int.MaxValue);
                    break;
                case "description":
                    description = Text(field.Value, at + ".description", int.MaxValue);
                    break;
                case "functionality":
                    functionality = Text(field.Value, at + ".functionality", int.MaxValue);
                    break;
                case "category":
                    category = Text(field.Value, at + ".category", LongestWord);
                    break;
                case "protocol":
                    protocol = Text(field.Value, at + ".protocol", LongestWord);
                    break;
                case "parameters" or "input_schema" or "inputSchema":
                    parameters = Parameters(field.Value, $"{at}.{field.Name}");
                    break;
                default:
                    if (!Ignored.Contains(field.Name, StringComparer.Ordinal))
                        _faults.Add(($"{at}.{Shown(field.Name)}", $"is not a field of a tool; there are {Known}"));
                    break;
            }
        }

        if (name is null && _faults.Count == before)
            _faults.Add((at + ".name", "is missing"));
        else if (name is not null && !IsName(name))
            _faults.Add((at + ".name", $"must have 1 to {LongestWord} characters without blanks or control characters"));
        if (_faults.Count > before)
            return null;
        return new ToolDefinition { Name = name!, Description = description ?? "", Parameters = parameters, Functionality = Given(functionality), Category = Given(category), Protocol = Given(protocol) };
    }

    private string? Text(JsonElement value, string at, int most)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind != JsonValueKind.String)
        {
            _faults.Add((at, "must be text"));
            return null;
        }

        try
        {
            var text = value.GetString()!;
            if (text.Length > most)
                _faults.Add((at, $"has {text.Length} characters; at most {most} are allowed"));
            return text;
        }
        catch (InvalidOperationException)
        {
            _faults.Add((at, NoText));
            return null;
        }
    }

    private JsonElement? Parameters(JsonElement value, string at)
    {
        var isOver = JsonDepth.IsOver(value);
        var isWhole = isOver || ForeignJson.FaultOf(value) is null;
        if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array && !isOver && isWhole)
            return value.Clone();
        if (isOver)
            _faults.Add((at, $"nests deeper than {JsonDepth.Most} levels"));
        else if (!isWhole)
            _faults.Add((at, NoText));
        else if (value.ValueKind != JsonValueKind.Null)
            _faults.Add((at, "must be a JSON Schema object, or a list of parameters"));
        return null;
    }

    private static string? Given(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static string Shown(string name) => name.Length <= 40 ? name : name[..40] + "…";

    private RetrievalError Error()
    {
        var told = string.Join("; ", _faults.Take(MostFaultsTold).Select(fault => $"{fault.Place} {fault.Message}"));
        var more = _faults.Count > MostFaultsTold ? $"; and {_faults.Count - MostFaultsTold} more faults" : "";
        return new RetrievalError(422, "invalid_tools", told + more + ".") { Param = _faults[0].Place };
    }
}
