using System.Text;
using System.Text.Json;

namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>What a tool's parameters say, in words: names, titles, descriptions and allowed values, however deep they stand in a JSON Schema or a list.</summary>
internal static class SchemaText
{
    private const int Deepest = 16;
    private const int Longest = 8_000;

    public static string Of(JsonElement parameters)
    {
        var text = new StringBuilder();
        Add(parameters, text, 0);
        return text.ToString(0, Math.Min(text.Length, Longest));
    }

    private static void Add(JsonElement schema, StringBuilder text, int depth)
    {
        if (depth > Deepest || text.Length > Longest)
            return;
        if (schema.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in schema.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.String)
                    Say(item, text);
                else
                    Add(item, text, depth + 1);
            }
        }
        else if (schema.ValueKind == JsonValueKind.Object)
        {
            AddObject(schema, text, depth);
        }
    }

    private static void AddObject(JsonElement schema, StringBuilder text, int depth)
    {
        foreach (var member in schema.EnumerateObject())
        {
            switch (member.Name)
            {
                case "name" or "title" or "description" when member.Value.ValueKind == JsonValueKind.String:
                    Say(member.Value, text);
                    break;
                case "enum" or "examples" when member.Value.ValueKind == JsonValueKind.Array:
                    foreach (var value in member.Value.EnumerateArray())
                        Say(value, text);
                    break;
                case "const":
                    Say(member.Value, text);
                    break;
                case "properties" or "$defs" or "definitions" or "patternProperties" when member.Value.ValueKind == JsonValueKind.Object:
                    foreach (var property in member.Value.EnumerateObject())
                    {
                        if (member.Name == "properties")
                            text.Append(property.Name).Append(' ');
                        Add(property.Value, text, depth + 1);
                    }

                    break;
                case "items" or "anyOf" or "oneOf" or "allOf" or "prefixItems" or "additionalProperties" or "schema" or "parameters" or "not" or "then" or "else" or "if":
                    Add(member.Value, text, depth + 1);
                    break;
            }
        }
    }

    private static void Say(JsonElement value, StringBuilder text)
    {
        if (value.ValueKind != JsonValueKind.String)
            return;
        try
        {
            text.Append(value.GetString()).Append(". ");
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair is no text.
        }
    }
}
