namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>The three fields that count.</summary>
internal enum ToolField
{
    Description,
    Parameters,
    Functionality,
}

/// <summary>What stands in each field of a tool, as text.</summary>
internal static class ToolFields
{
    public const int Count = 3;

    // Schemas and descriptions may be long; what a tool is for is said at their beginning.
    private const int Longest = 8_000;

    public static string Of(ToolDefinition tool, ToolField field)
    {
        var text = field switch
        {
            ToolField.Description => tool.Description,
            ToolField.Parameters => tool.Parameters is { } parameters ? SchemaText.Of(parameters) : "",
            _ => Functionality(tool),
        };
        return text.Length <= Longest ? text : text[..Longest];
    }

    public static string NameOf(ToolField field) => field switch
    {
        ToolField.Description => "description",
        ToolField.Parameters => "parameters",
        _ => "functionality",
    };

    public static double WeightOf(CatalogWeightOptions weights, ToolField field) => field switch
    {
        ToolField.Description => weights.Description,
        ToolField.Parameters => weights.Parameters,
        _ => weights.Functionality,
    };

    // The words of the name always belong to what a tool is for; an identifier is written as its words, so that an embedding model sees them.
    private static string Functionality(ToolDefinition tool)
    {
        return string.Join(". ", new[] { ToolWords.Spoken(tool.Name), tool.Functionality, tool.Category }.Where(part => !string.IsNullOrEmpty(part)));
    }
}
