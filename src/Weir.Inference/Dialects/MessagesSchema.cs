using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// What both dialects call a schema that the model cannot but follow differs: in a chat every object must forbid further properties
/// and require all of its own, else a request that says <c>strict</c> is refused.
/// </summary>
internal static class MessagesSchema
{
    /// <summary>Whether the chat API can enforce it; a schema that it cannot goes out as one to aim at.</summary>
    public static bool IsStrict(JsonElement schema)
    {
        switch (schema.ValueKind)
        {
            case JsonValueKind.Array:
                foreach (var item in schema.EnumerateArray())
                {
                    if (!IsStrict(item))
                        return false;
                }

                return true;
            case JsonValueKind.Object:
                return IsStrictObject(schema);
            default:
                return true;
        }
    }

    private static bool IsStrictObject(JsonElement schema)
    {
        if (schema.TryGetProperty("properties"u8, out var properties) && properties.ValueKind == JsonValueKind.Object)
        {
            if (!schema.TryGetProperty("additionalProperties"u8, out var others) || others.ValueKind != JsonValueKind.False)
                return false;
            var required = schema.TryGetProperty("required"u8, out var names) && names.ValueKind == JsonValueKind.Array
                ? names.EnumerateArray().Where(name => name.ValueKind == JsonValueKind.String).Select(name => name.GetString()!).ToHashSet(StringComparer.Ordinal)
                : [];
            foreach (var property in properties.EnumerateObject())
            {
                if (!required.Contains(property.Name) || !IsStrict(property.Value))
                    return false;
            }
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            // Values given as data are no schemas.
            if (keyword.Name is not ("properties" or "enum" or "const" or "default" or "examples") && !IsStrict(keyword.Value))
                return false;
        }

        return true;
    }
}
