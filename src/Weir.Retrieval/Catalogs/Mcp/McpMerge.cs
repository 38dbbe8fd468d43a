namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>The tools of several servers as one list: a name that more than one of them has is prefixed by each one's name.</summary>
internal static class McpMerge
{
    /// <param name="lists">Of each server, under their names there, in the order of the catalog's sources.</param>
    /// <param name="most">So many are kept.</param>
    public static List<ToolDefinition> Merge(IReadOnlyList<IReadOnlyList<ToolDefinition>> lists, int most)
    {
        var shared = lists.SelectMany(list => list).GroupBy(tool => tool.Origin!.Name, StringComparer.Ordinal).Where(group => group.Count() > 1).Select(group => group.Key).ToHashSet(StringComparer.Ordinal);
        var taken = new HashSet<string>(StringComparer.Ordinal);
        var merged = new List<ToolDefinition>();
        foreach (var tool in lists.SelectMany(list => list))
        {
            if (merged.Count == most)
                break;
            var origin = tool.Origin!;
            var name = shared.Contains(origin.Name) ? $"{origin.Server}.{origin.Name}" : origin.Name;
            // A server may call a tool of its own as another's is called with its prefix.
            for (var n = 2; !taken.Add(name); n++)
                name = $"{origin.Server}.{origin.Name}.{n}";
            merged.Add(tool with { Name = name });
        }

        return merged;
    }
}
