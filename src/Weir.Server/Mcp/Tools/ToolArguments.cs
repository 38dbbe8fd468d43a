using System.Text;
using System.Text.Json;
using Weir.Leases.Kinds;
using Weir.State.Texts;

namespace Weir.Server.Mcp.Tools;

/// <summary>The arguments of a call, which fit the tool's schema. What is null counts as not given.</summary>
internal sealed class ToolArguments(IDictionary<string, JsonElement>? arguments)
{
    public IReadOnlyDictionary<string, JsonElement> All { get; } =
        (arguments ?? new Dictionary<string, JsonElement>()).Where(pair => pair.Value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined)).ToDictionary(StringComparer.Ordinal);

    public string? Text(string name) => All.TryGetValue(name, out var value) ? value.GetString() : null;

    public string Required(string name) => Text(name) ?? throw new InvalidOperationException($"'{name}' is not required by the schema.");

    public double? Number(string name) => All.TryGetValue(name, out var value) ? value.GetDouble() : null;

    public int? Integer(string name) => All.TryGetValue(name, out var value) ? (int)value.GetInt64() : null;

    public JsonElement? Value(string name) => All.TryGetValue(name, out var value) ? value : null;

    /// <summary>A list of strings, or a string that holds one as JSON.</summary>
    /// <returns>The list, or what is wrong; both null where it is not given.</returns>
    public (IReadOnlyList<string>? List, string? Fault) Strings(string name)
    {
        var (value, fault) = Unwrapped(name, JsonValueKind.Array);
        if (value is not { } list) return (null, fault);
        return list.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String)
            ? ([.. list.EnumerateArray().Select(one => one.GetString()!)], null)
            : (null, $"'{name}' must be a list of strings.");
    }

    /// <summary>An object, or a string that holds one as JSON.</summary>
    /// <returns>The object, or what is wrong; both null where it is not given.</returns>
    public (JsonElement? Object, string? Fault) Object(string name) => Unwrapped(name, JsonValueKind.Object);

    /// <summary>A value, or what a string holds as JSON.</summary>
    public static (JsonElement? Value, string? Fault) Unwrap(JsonElement value, JsonValueKind wanted, string name)
    {
        var said = wanted == JsonValueKind.Array ? "a list" : "an object";
        if (value.ValueKind == wanted) return (value, null);
        if (value.ValueKind != JsonValueKind.String) return (null, $"'{name}' must be {said}, or a string that holds one as JSON.");
        // A config, and what names its kind.
        var (read, fault) = ForeignJson.Read(Encoding.UTF8.GetBytes(value.GetString()!), KindLevels.Config + 1);
        if (read is not { } held)
            return (null, fault!.Sort == JsonFaultSort.Malformed ? $"'{name}' is a string, and not {said} as JSON." : fault.SentenceOf($"'{name}'"));
        return held.ValueKind == wanted ? (held, null) : (null, $"'{name}' is a string that holds JSON, but not {said}.");
    }

    private (JsonElement? Value, string? Fault) Unwrapped(string name, JsonValueKind wanted) =>
        All.TryGetValue(name, out var value) ? Unwrap(value, wanted, name) : (null, null);
}
