using System.Text;
using System.Text.Json.Nodes;

namespace Weir.Tests.Inference.Support;

/// <summary>Spoils JSON and bytes at random, in the ways that clients and providers do.</summary>
internal static class Mutations
{
    private static readonly string[] Values =
    [
        "null", "true", "0", "-1", "1e400", "99999999999999999999", "0.5", "\"\"", "\"x\"", "\"7\"", "\"\\ud800\"", "\"\\udc00x\"", "\"\\u0000\"", "[]", "{}", "[null]", "[[]]",
        "[{}]", "{\"type\":\"text\"}", "{\"type\":\"nonsense\",\"text\":\"x\"}", "{\"type\":\"tool_use\"}", "{\"role\":\"tool\",\"content\":\"x\"}", "[{\"type\":7}]", "\"data:image/png;base64,\"",
        "{\n \"a\" : [ 1,\n 2 ]\n}", "\"\\n\\r\\n\"", "{\"$ref\":\"#\"}", "{\"\\ud800\":1}",
    ];

    private static readonly string[] Names = ["role", "content", "type", "id", "text", "input", "index", "function", "arguments", "name", "tool_calls", "error", "usage", "unknown"];

    /// <summary>One to three changes to values and names, or to the text itself.</summary>
    public static string Json(string json, Random random)
    {
        var root = JsonNode.Parse(json, documentOptions: new() { MaxDepth = 1000 })!;
        for (var count = random.Next(1, 4); count > 0; count--)
            Spoil(root, random);
        var text = root.ToJsonString(new() { WriteIndented = random.Next(8) == 0, MaxDepth = 1000 });
        // What no tree of nodes holds is put in by its mark.
        foreach (var (mark, raw) in new (string, string)[] { ("\"@@deep\"", Deep(random)), ("\"@@raw\"", Values[random.Next(Values.Length)]) })
            text = text.Replace(mark, raw, StringComparison.Ordinal);
        return random.Next(10) == 0 ? Twice(text, random) : text;
    }

    /// <summary>Flips, cuts, doubles and removes bytes.</summary>
    public static byte[] Bytes(byte[] bytes, Random random)
    {
        var list = new List<byte>(bytes);
        for (var count = random.Next(1, 4); count > 0 && list.Count > 1; count--)
        {
            var at = random.Next(list.Count);
            switch (random.Next(6))
            {
                case 0:
                    list[at] = (byte)random.Next(256);
                    break;
                case 1:
                    list.RemoveRange(at, Math.Min(random.Next(1, 20), list.Count - at));
                    break;
                case 2:
                    list.InsertRange(at, list.GetRange(at, Math.Min(random.Next(1, 200), list.Count - at)));
                    break;
                case 3:
                    list.Insert(at, (byte)"{}[]\",:\n\r \\0"[random.Next(12)]);
                    break;
                case 4:
                    list.InsertRange(at, [0xff, 0xc3]);
                    break;
                default:
                    if (random.Next(3) == 0)
                        list.RemoveRange(at, list.Count - at);
                    break;
            }
        }

        return [.. list];
    }

    private static void Spoil(JsonNode root, Random random)
    {
        var places = new List<JsonNode>();
        Containers(root, places);
        var place = places[random.Next(places.Count)];
        if (place is JsonObject fields)
        {
            var name = fields.Count == 0 || random.Next(10) == 0 ? Names[random.Next(Names.Length)] : fields.ElementAt(random.Next(fields.Count)).Key;
            switch (random.Next(7))
            {
                case 0:
                    fields.Remove(name);
                    break;
                case 1:
                    fields[name] = new JsonArray(fields[name]?.DeepClone());
                    break;
                case 2:
                    fields[name] = new JsonObject { [Names[random.Next(Names.Length)]] = fields[name]?.DeepClone() };
                    break;
                case 3 when fields.ContainsKey(name):
                    var value = fields[name]?.DeepClone();
                    fields.Remove(name);
                    fields[Names[random.Next(Names.Length)]] = value;
                    break;
                case 4 when random.Next(4) == 0:
                    fields[name] = "@@deep";
                    break;
                default:
                    fields[name] = "@@raw";
                    break;
            }
        }
        else if (place is JsonArray items)
        {
            var at = random.Next(items.Count + 1);
            switch (random.Next(5))
            {
                case 0 when at < items.Count:
                    items.RemoveAt(at);
                    break;
                case 1 when at < items.Count:
                    items.Insert(random.Next(items.Count), items[at]?.DeepClone());
                    break;
                case 2 when at < items.Count:
                    items[at] = "@@raw";
                    break;
                case 3:
                    items.Clear();
                    break;
                default:
                    items.Insert(at, "@@raw");
                    break;
            }
        }
    }

    private static void Containers(JsonNode? node, List<JsonNode> found)
    {
        if (node is JsonObject fields)
        {
            found.Add(node);
            foreach (var (_, value) in fields)
                Containers(value, found);
        }
        else if (node is JsonArray items)
        {
            found.Add(node);
            foreach (var item in items)
                Containers(item, found);
        }
    }

    private static string Deep(Random random)
    {
        var depth = random.Next(100, 135);
        return random.Next(2) == 0
            ? new string('[', depth) + new string(']', depth)
            : new StringBuilder().Insert(0, "{\"a\":", depth).Append('1').Append('}', depth).ToString();
    }

    // A field that is given twice: the last is what most readers see.
    private static string Twice(string json, Random random)
    {
        var at = json.IndexOf('{', random.Next(json.Length));
        return at < 0 || json[at..].StartsWith("{}", StringComparison.Ordinal) ? json
            : json.Insert(at + 1, $"\"{Names[random.Next(Names.Length)]}\":{Values[random.Next(Values.Length)]},");
    }
}
