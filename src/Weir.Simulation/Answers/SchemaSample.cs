using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Weir.Simulation.Answers;

/// <summary>JSON that fits a schema: what is required, and the plainest value of each type.</summary>
internal static class SchemaSample
{
    // A schema that requires itself has no end.
    private const int Deepest = 16;

    /// <summary>Of a tool: an object, whatever the schema says.</summary>
    public static string Arguments(JsonElement schema) => Of(schema, isObject: true);

    /// <summary>What the text of an answer must be, by <c>response_format</c> or <c>text.format</c>; null where it may be any.</summary>
    /// <param name="format">The value of that field.</param>
    public static string? Answer(JsonElement format)
    {
        if (format.ValueKind != JsonValueKind.Object || !format.TryGetProperty("type"u8, out var type) || type.ValueKind != JsonValueKind.String)
            return null;
        if (type.ValueEquals("json_object"u8))
            return "{}";
        if (!type.ValueEquals("json_schema"u8))
            return null;
        var holder = format.TryGetProperty("json_schema"u8, out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : format;
        return holder.TryGetProperty("schema"u8, out var schema) ? Of(schema, isObject: false) : "{}";
    }

    private static string Of(JsonElement schema, bool isObject)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, SimulationJson.Writer))
            Write(json, schema, schema, isObject, 0);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, JsonElement root, JsonElement given, bool mustBeObject, int depth)
    {
        var schema = depth < Deepest ? Followed(root, given, depth) : default;
        var isObject = schema.ValueKind == JsonValueKind.Object;
        if (!mustBeObject && isObject && schema.TryGetProperty("const"u8, out var only))
        {
            only.WriteTo(json);
            return;
        }

        if (!mustBeObject && isObject && schema.TryGetProperty("enum"u8, out var values) && values.ValueKind == JsonValueKind.Array && values.GetArrayLength() > 0)
        {
            values[0].WriteTo(json);
            return;
        }

        switch (mustBeObject ? "object" : isObject && schema.TryGetProperty("type"u8, out var type) ? TypeOf(type) : "string")
        {
            case "object":
                json.WriteStartObject();
                if (isObject && schema.TryGetProperty("properties"u8, out var properties) && properties.ValueKind == JsonValueKind.Object
                    && schema.TryGetProperty("required"u8, out var required) && required.ValueKind == JsonValueKind.Array)
                {
                    foreach (var name in required.EnumerateArray())
                    {
                        if (name.ValueKind != JsonValueKind.String || !properties.TryGetProperty(name.GetString()!, out var property))
                            continue;
                        json.WritePropertyName(name.GetString()!);
                        Write(json, root, property, false, depth + 1);
                    }
                }

                json.WriteEndObject();
                break;
            case "array":
                json.WriteStartArray();
                json.WriteEndArray();
                break;
            case "integer" or "number":
                json.WriteNumberValue(1);
                break;
            case "boolean":
                json.WriteBooleanValue(true);
                break;
            case "null":
                json.WriteNullValue();
                break;
            default:
                json.WriteStringValue("simulated"u8);
                break;
        }
    }

    // Of several types the first.
    private static string? TypeOf(JsonElement type) => type.ValueKind switch
    {
        JsonValueKind.String => type.GetString(),
        JsonValueKind.Array when type.GetArrayLength() > 0 && type[0].ValueKind == JsonValueKind.String => type[0].GetString(),
        _ => null,
    };

    // Classes in classes come as "$ref": "#/$defs/…", and what may be missing as "anyOf".
    private static JsonElement Followed(JsonElement root, JsonElement schema, int depth)
    {
        while (depth++ < Deepest && schema.ValueKind == JsonValueKind.Object)
        {
            if (schema.TryGetProperty("$ref"u8, out var reference) && reference.ValueKind == JsonValueKind.String)
            {
                var found = root;
                foreach (var step in reference.GetString()!.TrimStart('#').Split('/', StringSplitOptions.RemoveEmptyEntries))
                {
                    if (found.ValueKind != JsonValueKind.Object || !found.TryGetProperty(step, out found))
                        return default;
                }

                schema = found;
            }
            else if (schema.TryGetProperty("anyOf"u8, out var any) && any.ValueKind == JsonValueKind.Array && any.GetArrayLength() > 0)
            {
                schema = any[0];
            }
            else
            {
                break;
            }
        }

        return schema;
    }
}
