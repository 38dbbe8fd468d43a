using System.Text.Json.Nodes;

namespace Weir.Cli.Run.Agent;

/// <summary>One thing that a model can do with a resource of some sort.</summary>
/// <param name="Name">Of the tool.</param>
/// <param name="Description">For the model.</param>
/// <param name="Schema">Of the arguments.</param>
/// <param name="Path">Below the resource's door.</param>
/// <param name="Body">Made of the arguments. Null: it is asked for with GET.</param>
internal sealed record DoorTool(string Name, string Description, string Schema, string Path, Func<JsonObject, JsonNode>? Body)
{
    private const string Nothing = """{"type":"object","properties":{}}""";
    private const string Point = """{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}},"required":["x","y"]}""";

    private static readonly DoorTool[] Knowledge =
    [
        new(
            "query_knowledge_base", "Search the knowledge base; gives the passages that fit best.",
            """{"type":"object","properties":{"query":{"type":"string"},"top_k":{"type":"integer","minimum":1,"maximum":100},"search_type":{"type":"string","enum":["dense","sparse","hybrid"]}},"required":["query"]}""",
            "query",
            // What the model leaves open, its lease says.
            arguments => arguments),
    ];

    private static readonly DoorTool[] Desktop =
    [
        new("screenshot", "See the screen.", Nothing, "screenshot", null),
        new("accessibility_tree", "Read what is on the screen as a tree of named elements, where the program tells.", Nothing, "accessibility_tree", null),
        Action(
            "click", "Click at a point of the screen.",
            """{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"},"button":{"type":"string","enum":["left","middle","right"]}},"required":["x","y"]}"""),
        Action("move", "Move the pointer.", Point),
        Action("type", "Type a text.", """{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}"""),
        Action("press", "Press a key, such as enter or f5.", """{"type":"object","properties":{"key":{"type":"string"}},"required":["key"]}"""),
        Action("hotkey", "Press keys together, such as ctrl and c.", """{"type":"object","properties":{"keys":{"type":"array","items":{"type":"string"}}},"required":["keys"]}"""),
        Action("scroll", "Turn the wheel; above 0 is up.", """{"type":"object","properties":{"clicks":{"type":"integer"},"x":{"type":"integer"},"y":{"type":"integer"}},"required":["clicks"]}"""),
        Action("drag", "Drag from where the pointer is to a point.", Point),
    ];

    public static IReadOnlyList<DoorTool> Of(string sort) => sort switch
    {
        "rag" => Knowledge,
        "vm" => Desktop,
        _ => [],
    };

    private static DoorTool Action(string type, string description, string schema) => new(type, description, schema, "actions", arguments =>
    {
        var action = (JsonObject)arguments.DeepClone();
        action["type"] = type;
        return new JsonArray(action);
    });
}
