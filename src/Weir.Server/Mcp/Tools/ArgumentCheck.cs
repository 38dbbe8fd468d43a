using System.Globalization;
using System.Text.Json;

namespace Weir.Server.Mcp.Tools;

/// <summary>
/// Holds arguments against a tool's schema, so that no tool meets what it did not ask for. It knows the words of JSON Schema that tools here use: type,
/// properties, required, additionalProperties, items, enum, anyOf, minimum, maximum, minLength, maxLength, minItems, maxItems; others it passes over.
/// </summary>
internal static class ArgumentCheck
{
    /// <returns>Null: they fit. Else a sentence that names the argument and what it must be.</returns>
    public static string? FaultOf(JsonElement schema, IReadOnlyDictionary<string, JsonElement> arguments)
    {
        var known = schema.TryGetProperty("properties", out var properties) ? properties : default;
        foreach (var (name, value) in arguments)
        {
            if (known.ValueKind == JsonValueKind.Object && known.TryGetProperty(name, out var wanted))
            {
                if (FaultOf(wanted, value, $"'{name}'") is { } fault) return fault;
            }
            else if (IsClosed(schema))
            {
                return $"there is no argument '{Short(name)}'. {Known(known)}";
            }
        }

        if (!schema.TryGetProperty("required", out var required)) return null;
        foreach (var name in required.EnumerateArray())
        {
            if (!arguments.ContainsKey(name.GetString()!)) return $"the argument '{name.GetString()}' is missing. {Known(known)}";
        }

        return null;
    }

    private static string? FaultOf(JsonElement schema, JsonElement value, string place)
    {
        if (schema.ValueKind != JsonValueKind.Object) return null;
        if (schema.TryGetProperty("anyOf", out var choices))
        {
            string? first = null;
            foreach (var choice in choices.EnumerateArray())
            {
                if (FaultOf(choice, value, place) is not { } fault) return null;
                // The fault of the choice that is of the value's own type says most.
                if (first is null || IsOfType(choice, value)) first = fault;
            }

            return first;
        }

        if (schema.TryGetProperty("type", out var type) && !IsOfType(schema, value)) return $"{place} must be {Said(type)}.";
        if (schema.TryGetProperty("enum", out var allowed) && !allowed.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value)))
            return $"{place} must be one of {string.Join(", ", allowed.EnumerateArray().Select(one => one.GetRawText()))}.";
        return value.ValueKind switch
        {
            JsonValueKind.Number => Range(schema, value.GetDouble(), "minimum", "maximum", place, ""),
            JsonValueKind.String => Range(schema, value.GetString()!.Length, "minLength", "maxLength", place, " characters long"),
            JsonValueKind.Array => Range(schema, value.GetArrayLength(), "minItems", "maxItems", place, " entries long") ?? Items(schema, value, place),
            JsonValueKind.Object => Members(schema, value, place),
            _ => null,
        };
    }

    private static string? Items(JsonElement schema, JsonElement list, string place)
    {
        if (!schema.TryGetProperty("items", out var items)) return null;
        var index = 0;
        foreach (var one in list.EnumerateArray())
        {
            if (FaultOf(items, one, $"{place}[{index++}]") is { } fault) return fault;
        }

        return null;
    }

    private static string? Members(JsonElement schema, JsonElement value, string place)
    {
        var members = value.EnumerateObject().Where(member => member.Value.ValueKind != JsonValueKind.Null).GroupBy(member => member.Name, StringComparer.Ordinal)
            .ToDictionary(same => same.Key, same => same.Last().Value, StringComparer.Ordinal);
        return FaultOf(schema, members) is { } fault ? $"in {place}, {fault}" : null;
    }

    private static string? Range(JsonElement schema, double size, string least, string most, string place, string unit)
    {
        double? from = schema.TryGetProperty(least, out var low) ? low.GetDouble() : null;
        double? to = schema.TryGetProperty(most, out var high) ? high.GetDouble() : null;
        if (!(size < from) && !(size > to)) return null;
        var range = (from, to) switch
        {
            ({ } a, { } b) => $"from {Number(a)} to {Number(b)}",
            ({ } a, _) => $"at least {Number(a)}",
            _ => $"at most {Number(to!.Value)}",
        };
        return $"{place} must be {range}{unit}; it is {Number(size)}.";
    }

    private static bool IsOfType(JsonElement schema, JsonElement value)
    {
        if (!schema.TryGetProperty("type", out var type)) return true;
        return type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Any(one => Is(one.GetString(), value)) : Is(type.GetString(), value);
    }

    private static bool Is(string? type, JsonElement value) => type switch
    {
        "string" => value.ValueKind == JsonValueKind.String,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "array" => value.ValueKind == JsonValueKind.Array,
        "object" => value.ValueKind == JsonValueKind.Object,
        "null" => value.ValueKind == JsonValueKind.Null,
        _ => true,
    };

    private static string Said(JsonElement type) => type.ValueKind == JsonValueKind.Array
        ? string.Join(" or ", type.EnumerateArray().Select(Said))
        : type.GetString() switch
        {
            "string" => "a string",
            "number" => "a number",
            "integer" => "a whole number",
            "boolean" => "true or false",
            "array" => "a list",
            "object" => "an object",
            var other => other ?? "of another type",
        };

    private static bool IsClosed(JsonElement schema) => schema.TryGetProperty("additionalProperties", out var more) && more.ValueKind == JsonValueKind.False;

    private static string Known(JsonElement properties) => properties.ValueKind != JsonValueKind.Object || !properties.EnumerateObject().Any()
        ? "It takes none."
        : $"It takes: {string.Join(", ", properties.EnumerateObject().Select(one => one.Name))}.";

    private static string Number(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);

    private static string Short(string text) => text.Length <= 80 ? text : text[..80] + "…";
}
