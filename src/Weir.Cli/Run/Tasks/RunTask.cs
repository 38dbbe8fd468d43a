using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weir.Cli.Run.Tasks;

/// <summary>One thing to be done.</summary>
/// <param name="Id">1 to 200 characters, unique in its file.</param>
/// <param name="Json">The whole task as one line of JSON, which a command gets.</param>
internal sealed record RunTask(string Id, string Json)
{
    /// <summary>What a model is told. Null: the task says none.</summary>
    public string? Prompt { get; init; }

    /// <summary>What it needs. Null: what the run says.</summary>
    public IReadOnlyList<KindCount>? Kinds { get; init; }

    /// <summary>By kind. Null: the kinds' defaults.</summary>
    public JsonObject? Config { get; init; }

    /// <summary>Null: what the run says.</summary>
    public TimeSpan? Timeout { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>So many of a kind.</summary>
internal sealed record KindCount(string Kind, int Count)
{
    private const int Most = 256;

    /// <summary>Reads <c>rag,vm=2</c>.</summary>
    /// <returns>The kinds, or what is wrong.</returns>
    public static (IReadOnlyList<KindCount> Kinds, string? Fault) Parse(string text)
    {
        var kinds = new List<KindCount>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? part : part[..equals];
            var count = 1;
            if (equals >= 0 && !int.TryParse(part.AsSpan(equals + 1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out count))
                return ([], $"'{part}' is no kind with a number, such as rag=2");
            if (FaultOf(name, count) is { } fault)
                return ([], fault);
            kinds.Add(new(name, count));
        }

        return Checked(kinds);
    }

    /// <summary>The same as a string, a list of names, or an object of numbers by name.</summary>
    public static (IReadOnlyList<KindCount> Kinds, string? Fault) Parse(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                return Parse(value.GetString()!);
            case JsonValueKind.Array when value.EnumerateArray().All(name => name.ValueKind is JsonValueKind.String):
                return Parse(string.Join(',', value.EnumerateArray().Select(name => name.GetString())));
            case JsonValueKind.Object:
                var kinds = new List<KindCount>();
                foreach (var kind in value.EnumerateObject())
                {
                    if (kind.Value.ValueKind is not JsonValueKind.Number || !kind.Value.TryGetInt32(out var count))
                        return ([], $"kinds.{kind.Name} is not a whole number");
                    if (FaultOf(kind.Name, count) is { } fault)
                        return ([], fault);
                    kinds.Add(new(kind.Name, count));
                }

                return Checked(kinds);
            default:
                return ([], "kinds is neither 'rag,vm=2', nor [\"rag\"], nor {\"rag\": 1}");
        }
    }

    private static (IReadOnlyList<KindCount> Kinds, string? Fault) Checked(List<KindCount> kinds)
    {
        // A name that is there twice asks for two.
        IReadOnlyList<KindCount> sums = [.. kinds.GroupBy(kind => kind.Kind).Select(group => new KindCount(group.Key, group.Sum(kind => kind.Count)))];
        return sums.Sum(kind => kind.Count) > Most ? ([], $"a lease has at most {Most} resources") : (sums, null);
    }

    private static string? FaultOf(string name, int count) =>
        name.Length is 0 or > 100 || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-' or ':' or '.')) ? $"'{name}' is no name of a kind"
        : count is < 1 or > Most ? $"of '{name}' 1 to {Most} can be asked for, not {count}"
        : null;
}
