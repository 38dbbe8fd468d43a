using System.Text.Json;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops;

/// <summary>What a model may do with a desktop: one tool for each thing that it does often. Each comes down to a picture or to a list of one action.</summary>
internal static class DesktopTools
{
    private const string Point = """
        "x": { "type": "integer", "minimum": 0, "description": "Pixels from the left edge of the screen." },
        "y": { "type": "integer", "minimum": 0, "description": "Pixels from the upper edge of the screen." }
        """;

    private const string Button = """
        "button": { "type": "string", "enum": ["left", "middle", "right"], "default": "left" }
        """;

    private const string Key = "a single character, or a name such as enter, tab, esc, backspace, delete, space, up, down, left, right, home, end, pageup, pagedown, f1 to f24, ctrl, alt, shift, win";

    public static IReadOnlyList<KindTool> All { get; } =
    [
        new KindTool(
            "screenshot",
            "Takes a picture of the whole screen of the desktop, as a PNG whose pixels are the coordinates that the other tools take.",
            Schema("", """ "cursor": { "type": "boolean", "default": false, "description": "Whether the mouse pointer is drawn." } """),
            arguments => new KindCall("screenshot", arguments)) { IsReadOnly = true },
        Action(
            "click",
            "Clicks a mouse button at a point of the screen, or where the pointer is when no point is given.",
            "",
            Point + "," + Button + """, "clicks": { "type": "integer", "minimum": 1, "maximum": 10, "default": 1, "description": "2 is a double click." } """),
        Action(
            "move",
            "Moves the mouse pointer to a point of the screen without pressing a button.",
            "\"x\", \"y\"",
            Point + """, "duration": { "type": "number", "minimum": 0, "maximum": 10, "default": 0, "description": "Seconds that the move takes." } """),
        Action(
            "type",
            "Types text into whatever has the keyboard, exactly as it is given, in any script. A line break presses enter, a tab presses tab.",
            "\"text\"",
            """ "text": { "type": "string", "maxLength": 10000 } """),
        Action(
            "press",
            "Presses and releases a key, or several keys one after the other.",
            "\"keys\"",
            $$""" "keys": { "type": "array", "minItems": 1, "maxItems": 100, "items": { "type": "string" }, "description": "Each is {{Key}}." }, "presses": { "type": "integer", "minimum": 1, "maximum": 100, "default": 1, "description": "How many times all of it is done." } """),
        Action(
            "hotkey",
            "Presses keys together, as in ctrl and c: in the order given, released in the opposite one.",
            "\"keys\"",
            $$""" "keys": { "type": "array", "minItems": 1, "maxItems": 100, "items": { "type": "string" }, "description": "Each is {{Key}}." } """),
        Action(
            "scroll",
            "Turns the mouse wheel at a point of the screen, or where the pointer is when no point is given.",
            "\"clicks\"",
            """ "clicks": { "type": "integer", "minimum": -1000, "maximum": 1000, "description": "Notches of the wheel: positive scrolls up, negative down." },""" + Point),
        Action(
            "drag",
            "Drags with a mouse button held, from where the pointer is to a point of the screen.",
            "\"x\", \"y\"",
            Point + "," + Button + """, "duration": { "type": "number", "minimum": 0, "maximum": 10, "default": 0.25, "description": "Seconds that the drag takes." } """),
    ];

    private static KindTool Action(string type, string description, string required, string properties) =>
        new(type, description, Schema(required, properties), arguments => new KindCall("actions", ListOf(type, arguments)));

    private static JsonElement Schema(string required, string properties)
    {
        using var document = JsonDocument.Parse($$"""{ "type": "object", "properties": { {{properties}} }, "required": [{{required}}], "additionalProperties": false }""");
        return document.RootElement.Clone();
    }

    /// <summary>A list of one action, whose type no argument can be.</summary>
    private static JsonElement ListOf(string type, JsonElement arguments)
    {
        using var written = new MemoryStream();
        using (var json = new Utf8JsonWriter(written))
        {
            json.WriteStartArray();
            json.WriteStartObject();
            json.WriteString("type", type);
            if (arguments.ValueKind == JsonValueKind.Object)
            {
                foreach (var argument in arguments.EnumerateObject().Where(argument => !argument.NameEquals("type")))
                    argument.WriteTo(json);
            }

            json.WriteEndObject();
            json.WriteEndArray();
        }

        using var document = JsonDocument.Parse(written.ToArray());
        return document.RootElement.Clone();
    }
}
