using System.Text.Json;

namespace Weir.Retrieval.Filters;

/// <summary>Reads one filter; the first fault ends it.</summary>
internal sealed class FilterParser
{
    public const int Deepest = 8;
    public const int MostConditions = 256;
    public const int MostValues = 1000;
    public const int LongestText = 1024;
    public const int LongestPath = 256;

    private const string FieldOperators = "$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not";
    private const string Junctions = "$and, $or and $not";
    private int _conditions;

    public RetrievalError? Error { get; private set; }

    public FilterNode? Parse(JsonElement filter) => Object(filter, "filter", 1);

    private AllOf? Object(JsonElement filter, string place, int depth)
    {
        if (filter.ValueKind is not JsonValueKind.Object)
            return Fault<AllOf>(place, $"must be an object such as {{\"lang\":\"en\"}}, not {Name(filter)}");
        if (depth > Deepest)
            return Fault<AllOf>(place, $"is nested deeper than {Deepest}");
        var nodes = new List<FilterNode>();
        foreach (var property in filter.EnumerateObject())
        {
            var at = $"{place}.{Shorten(property.Name)}";
            if (++_conditions > MostConditions)
                return Fault<AllOf>(at, $"is one condition too many: a filter has at most {MostConditions}");
            var node = property.Name.StartsWith('$') ? Junction(property, at, depth) : Field(property.Name, property.Value, at, depth);
            if (node is null)
                return null;
            nodes.Add(node);
        }

        return new AllOf(nodes);
    }

    private FilterNode? Junction(JsonProperty property, string place, int depth)
    {
        if (property.Name is "$not")
            return Object(property.Value, place, depth + 1) is { } negated ? new Not(negated) : null;
        if (property.Name is not ("$and" or "$or"))
            return Fault<FilterNode>(place, $"is no operator between conditions; there are {Junctions}. A name of a field may not begin with $");
        if (property.Value.ValueKind is not JsonValueKind.Array || property.Value.GetArrayLength() == 0)
            return Fault<FilterNode>(place, "must be a list of at least one filter");
        var nodes = new List<FilterNode>();
        foreach (var element in property.Value.EnumerateArray())
        {
            if (++_conditions > MostConditions)
                return Fault<FilterNode>(place, $"has one condition too many: a filter has at most {MostConditions}");
            if (Object(element, $"{place}[{nodes.Count}]", depth + 1) is not { } node)
                return null;
            nodes.Add(node);
        }

        return property.Name is "$and" ? new AllOf(nodes) : new AnyOf(nodes);
    }

    private FilterNode? Field(string path, JsonElement condition, string place, int depth)
    {
        if (path.Length is 0 or > LongestPath)
            return Fault<FilterNode>(place, $"must name a field, in at most {LongestPath} characters");
        if (condition.ValueKind is JsonValueKind.Array)
            return Fault<FilterNode>(place, "is a list: for any of several values write {\"$in\":[…]}");
        if (condition.ValueKind is not JsonValueKind.Object)
            return Values([condition], place) is { } value ? new FieldHolds(path, new IsOneOf(value)) : null;
        if (depth > Deepest)
            return Fault<FilterNode>(place, $"is nested deeper than {Deepest}");

        var nodes = new List<FilterNode>();
        foreach (var operation in condition.EnumerateObject())
        {
            if (++_conditions > MostConditions)
                return Fault<FilterNode>(place, $"has one condition too many: a filter has at most {MostConditions}");
            if (Operation(path, operation, $"{place}.{Shorten(operation.Name)}", depth) is not { } node)
                return null;
            nodes.Add(node);
        }

        return nodes.Count > 0 ? new AllOf(nodes) : Fault<FilterNode>(place, $"says nothing; there are {FieldOperators}");
    }

    private FilterNode? Operation(string path, JsonProperty operation, string place, int depth) => operation.Name switch
    {
        "$eq" => OneOf(path, [operation.Value], place),
        "$ne" => Negated(OneOf(path, [operation.Value], place)),
        "$in" => List(operation.Value, place) is { } values ? OneOf(path, values, place) : null,
        "$nin" => List(operation.Value, place) is { } values ? Negated(OneOf(path, values, place)) : null,
        "$gt" => Ordered(path, operation.Value, Order.Over, place),
        "$gte" => Ordered(path, operation.Value, Order.AtLeast, place),
        "$lt" => Ordered(path, operation.Value, Order.Under, place),
        "$lte" => Ordered(path, operation.Value, Order.AtMost, place),
        "$exists" => Exists(path, operation.Value, place),
        "$not" when operation.Value.ValueKind is JsonValueKind.Object => Negated(Field(path, operation.Value, place, depth + 1)),
        "$not" => Fault<FilterNode>(place, "must be an object of operators such as {\"$gte\":2020}; for one value write $ne"),
        _ when operation.Name.StartsWith('$') => Fault<FilterNode>(place, $"is no operator; there are {FieldOperators}"),
        _ => Fault<FilterNode>(place, $"is no operator; there are {FieldOperators}. A field inside of another is named by a path: \"{Shorten(path)}.{Shorten(operation.Name)}\""),
    };

    private static Not? Negated(FilterNode? node) => node is null ? null : new Not(node);

    private FieldHolds? OneOf(string path, IReadOnlyList<JsonElement> values, string place) =>
        Values(values, place) is { } read ? new FieldHolds(path, new IsOneOf(read)) : null;

    private FieldHolds? Ordered(string path, JsonElement bound, Order order, string place)
    {
        if (Values([bound], place) is not [var value])
            return null;
        return value.IsOrdered ? new FieldHolds(path, new IsOrdered(value, order)) : Fault<FieldHolds>(place, $"must be a number or a text, not {Name(bound)}");
    }

    private FilterNode? Exists(string path, JsonElement wanted, string place) => wanted.ValueKind switch
    {
        JsonValueKind.True => new FieldHolds(path, new IsPresent()),
        JsonValueKind.False => new Not(new FieldHolds(path, new IsPresent())),
        _ => Fault<FilterNode>(place, $"must be true or false, not {Name(wanted)}"),
    };

    private JsonElement[]? List(JsonElement list, string place)
    {
        if (list.ValueKind is not JsonValueKind.Array)
            return Fault<JsonElement[]>(place, $"must be a list of values, not {Name(list)}");
        return list.GetArrayLength() <= MostValues ? [.. list.EnumerateArray()] : Fault<JsonElement[]>(place, $"has {list.GetArrayLength()} values; at most {MostValues} may stand there");
    }

    private FilterValue[]? Values(IReadOnlyList<JsonElement> values, string place)
    {
        var read = new FilterValue[values.Count];
        for (var i = 0; i < read.Length; i++)
        {
            if (values[i] is { ValueKind: JsonValueKind.String } text && text.GetString()!.Length > LongestText)
                return Fault<FilterValue[]>(place, $"is a text of more than {LongestText} characters");
            if (FilterValue.From(values[i]) is not { } value)
                return Fault<FilterValue[]>(place, $"must be a text, a number, true, false or null, not {Name(values[i])}");
            read[i] = value;
        }

        return read;
    }

    private T? Fault<T>(string place, string what)
        where T : class
    {
        Error ??= new RetrievalError(400, "invalid_filter", $"{place} {what}.") { Param = place };
        return null;
    }

    private static string Shorten(string name) => name.Length <= 64 ? name : name[..64] + "…";

    private static string Name(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };
}
