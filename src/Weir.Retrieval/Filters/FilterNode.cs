using System.Text.Json;

namespace Weir.Retrieval.Filters;

/// <summary>A condition on the metadata of one document: immutable.</summary>
internal abstract class FilterNode
{
    public abstract bool Matches(JsonElement metadata);
}

internal sealed class AllOf(IReadOnlyList<FilterNode> nodes) : FilterNode
{
    public override bool Matches(JsonElement metadata)
    {
        foreach (var node in nodes)
        {
            if (!node.Matches(metadata))
                return false;
        }

        return true;
    }
}

internal sealed class AnyOf(IReadOnlyList<FilterNode> nodes) : FilterNode
{
    public override bool Matches(JsonElement metadata)
    {
        foreach (var node in nodes)
        {
            if (node.Matches(metadata))
                return true;
        }

        return false;
    }
}

internal sealed class Not(FilterNode node) : FilterNode
{
    public override bool Matches(JsonElement metadata) => !node.Matches(metadata);
}

/// <summary>Whether a value at a path, or an element of a list there, passes a test.</summary>
internal sealed class FieldHolds(string path, FieldTest test) : FilterNode
{
    private readonly string[] _names = path.Split('.');

    public override bool Matches(JsonElement metadata)
    {
        if (metadata.ValueKind is not JsonValueKind.Object)
            return false;
        // A name may have points in it; then it is no path.
        return metadata.TryGetProperty(path, out var value) ? Holds(value) : _names.Length > 1 && Descend(metadata, 0);
    }

    private bool Descend(JsonElement value, int depth)
    {
        if (depth == _names.Length)
            return Holds(value);
        if (value.ValueKind is JsonValueKind.Object)
            return value.TryGetProperty(_names[depth], out var inner) && Descend(inner, depth + 1);
        if (value.ValueKind is not JsonValueKind.Array)
            return false;
        foreach (var element in value.EnumerateArray())
        {
            if (element.ValueKind is JsonValueKind.Object && Descend(element, depth))
                return true;
        }

        return false;
    }

    private bool Holds(JsonElement value)
    {
        if (test.Holds(value))
            return true;
        if (value.ValueKind is not JsonValueKind.Array)
            return false;
        foreach (var element in value.EnumerateArray())
        {
            if (test.Holds(element))
                return true;
        }

        return false;
    }
}
