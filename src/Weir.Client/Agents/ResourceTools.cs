using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Weir.Client;

/// <summary>What a model can do with each sort of resource: the tools that Weir offers over MCP, here through the resource's own door.</summary>
internal static class ResourceTools
{
    /// <summary>How the names of tools that search a knowledge base begin.</summary>
    public const string Query = "query_knowledge_base_";

    private const string Point = """
        "x": { "type": "integer", "minimum": 0, "description": "Pixels from the left edge of the screen." },
        "y": { "type": "integer", "minimum": 0, "description": "Pixels from the upper edge of the screen." }
        """;

    private const string Button = """ "button": { "type": "string", "enum": ["left", "middle", "right"] } """;

    private const string Keys = """
        "keys": { "type": "array", "minItems": 1, "maxItems": 100, "items": { "type": "string" }, "description": "Each is one character, or a name such as enter, tab, esc, backspace, space, up, down, pageup, f5, ctrl, alt, shift." }
        """;

    private static readonly ResourceTool[] Knowledge =
    [
        Search("dense", "by meaning: passages that say the same in other words are found too"),
        Search("sparse", "by its words: names, numbers and codes are found exactly"),
        Search("hybrid", "by meaning and by its words together"),
    ];

    private static readonly ResourceTool[] Desktop =
    [
        new("screenshot", "Takes a picture of the whole screen, whose pixels are the coordinates that the other tools take.", Schema("", ""), async (resource, _, stop) =>
            new DataContent(await ((DesktopResource)resource).ScreenshotAsync(cancellationToken: stop).ConfigureAwait(false), "image/png")),
        new("accessibility_tree", "Reads what is on the screen as a tree of named elements with their places, where programs tell of themselves.", Schema("", ""), async (resource, _, stop) =>
            await ((DesktopResource)resource).AccessibilityTreeAsync(stop).ConfigureAwait(false)),
        Action(
            "click", "Clicks a mouse button at a point of the screen, or where the pointer is when no point is given.", "",
            Point + "," + Button + """, "clicks": { "type": "integer", "minimum": 1, "maximum": 10, "description": "2 is a double click." } """),
        Action("move", "Moves the mouse pointer to a point of the screen without pressing a button.", "\"x\", \"y\"", Point),
        Action(
            "type", "Types text into whatever has the keyboard, exactly as it is given. A line break presses enter, a tab presses tab.", "\"text\"",
            """ "text": { "type": "string", "maxLength": 10000 } """),
        Action("press", "Presses and releases a key, or several keys one after the other.", "\"keys\"", Keys),
        Action("hotkey", "Presses keys together, as in ctrl and c.", "\"keys\"", Keys),
        Action(
            "scroll", "Turns the mouse wheel at a point of the screen, or where the pointer is when no point is given.", "\"clicks\"",
            """ "clicks": { "type": "integer", "minimum": -1000, "maximum": 1000, "description": "Notches of the wheel: positive scrolls up, negative down." },""" + Point),
        Action("drag", "Drags with a mouse button held, from where the pointer is to a point of the screen.", "\"x\", \"y\"", Point + "," + Button),
    ];

    public static IReadOnlyList<AIFunction> Of(IReadOnlyList<AgentResource> resources, Func<string, bool>? offers)
    {
        var functions = new List<AIFunction>();
        foreach (var (nth, resource) in resources.GroupBy(resource => resource.Sort).SelectMany(sort => sort.Select((resource, i) => (i + 1, resource))))
        {
            foreach (var tool in Of(resource).Where(tool => offers?.Invoke(tool.Name) is not false))
                functions.Add(new ResourceFunction(nth == 1 ? tool.Name : $"{tool.Name}_{nth}", tool, resource));
        }

        return functions;
    }

    private static ResourceTool[] Of(AgentResource resource) => resource switch
    {
        RagResource => Knowledge,
        DesktopResource => Desktop,
        _ => [],
    };

    private static ResourceTool Search(string type, string how) => new(
        Query + type, $"Searches the knowledge base {how}.",
        Schema(
            "\"query\"",
            """
            "query": { "type": "string", "description": "What is looked for, in plain words." },
            "top_k": { "type": "integer", "minimum": 1, "maximum": 1000, "description": "How many passages at most. Default: what the lease says, else 10." }
            """),
        async (resource, arguments, stop) =>
        {
            arguments["search_type"] = type;
            return await ((RagResource)resource).QueryAsync(arguments, stop).ConfigureAwait(false);
        });

    private static ResourceTool Action(string type, string description, string required, string properties) => new(
        type, description, Schema(required, properties),
        async (resource, arguments, stop) =>
        {
            arguments["type"] = type;
            return await resource.SendAsync(HttpMethod.Post, "actions", new JsonArray(arguments), stop).ConfigureAwait(false);
        });

    private static JsonElement Schema(string required, string properties)
    {
        using var document = JsonDocument.Parse($$"""{ "type": "object", "properties": { {{properties}} }, "required": [{{required}}], "additionalProperties": false }""");
        return document.RootElement.Clone();
    }
}

/// <summary>One thing that can be done with a resource of some sort.</summary>
/// <param name="Name">Of the tool, for the first resource of its sort.</param>
/// <param name="Description">For a model.</param>
/// <param name="Schema">Of the arguments.</param>
/// <param name="Invoke">Does it; the arguments are its own to change.</param>
internal sealed record ResourceTool(string Name, string Description, JsonElement Schema, Func<AgentResource, JsonObject, CancellationToken, Task<object?>> Invoke);
