using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Retrieval.Filters;

namespace Weir.Tests.Retrieval.Filters;

/// <summary>Random filters over random metadata, against a second reading of docs/search.md that knows nothing of the first.</summary>
public sealed class FilterPropertyTests
{
    private static readonly string[] Names = ["a", "b", "c", "a.b", "b.c"];
    private static readonly string[] Values = ["1", "2", "2.5", "-1e3", "9007199254740993", "\"1\"", "\"x\"", "\"y\"", "true", "false", "null"];
    private const string Marks = "{}[]\":,$.\\ud8a1";

    private static readonly string[] Comparisons = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"];

    [Theory]
    [InlineData(1)]
    [InlineData(20261121)]
    [InlineData(777)]
    public void Matches_RandomFilters_AgreesWithAPlainReading(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < 4000; i++)
        {
            var filter = Filter(random, 0);
            var metadata = Metadata(random, 0);
            var because = $"seed {seed}, {i}: {filter} over {metadata}";
            MetadataFilter.TryParse(JsonElement.Parse(filter), out var parsed, out var error).ShouldBeTrue(because + error?.Message);
            parsed!.Matches(JsonElement.Parse(metadata)).ShouldBe(All(JsonNode.Parse(filter)!.AsObject(), JsonNode.Parse(metadata)!.AsObject()), because);
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public void TryParse_AnyBytes_ParsesOrNamesAPlace(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < 4000; i++)
        {
            var filter = Filter(random, 0).Replace("\"x\"", random.Next(2) == 0 ? "\"x\"" : "\"\\ud800\"", StringComparison.Ordinal).ToCharArray();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
                filter[random.Next(filter.Length)] = Marks[random.Next(Marks.Length)];
            JsonElement json;
            try
            {
                json = JsonElement.Parse(new string(filter));
            }
            catch (JsonException)
            {
                continue;
            }

            if (MetadataFilter.TryParse(json, out var parsed, out var error))
                parsed.Matches(JsonElement.Parse("""{"a":["\ud800",{"b":1}],"b":{"c":"\udc00"}}"""));
            else
                error.Param.ShouldNotBeNull($"seed {seed}: {new string(filter)}").ShouldStartWith("filter");
        }
    }

    [Fact]
    public void Matches_OneOfAThousandTexts_IsTheSameAsOfFew()
    {
        var texts = string.Join(',', Enumerable.Range(0, 998).Select(i => $"\"t{i}\""));
        MetadataFilter.TryParse(JsonElement.Parse($"{{\"k\":{{\"$in\":[{texts},7,null]}}}}"), out var filter, out _).ShouldBeTrue();

        foreach (var (metadata, matches) in new[] { ("\"t0\"", true), ("\"t997\"", true), ("\"t998\"", false), ("7.0", true), ("8", false), ("null", true), ("[\"x\",\"t5\"]", true), ("\"7\"", false) })
            filter!.Matches(JsonElement.Parse($"{{\"k\":{metadata}}}")).ShouldBe(matches, metadata);
    }

    private static string Filter(Random random, int depth)
    {
        var parts = new List<string>();
        foreach (var name in Names.OrderBy(_ => random.Next()).Take(random.Next(0, 3)))
            parts.Add($"\"{name}\":{(random.Next(2) == 0 ? Pick(random, Values) : Operators(random, depth))}");
        if (depth < 2 && random.Next(3) == 0)
            parts.Add($"\"{(random.Next(2) == 0 ? "$and" : "$or")}\":[{string.Join(',', Enumerable.Range(0, random.Next(1, 4)).Select(_ => Filter(random, depth + 1)))}]");
        if (depth < 2 && random.Next(4) == 0)
            parts.Add($"\"$not\":{Filter(random, depth + 1)}");
        return $"{{{string.Join(',', parts)}}}";
    }

    private static string Operators(Random random, int depth) => random.Next(5) switch
    {
        0 => $$"""{"$in":[{{string.Join(',', Enumerable.Range(0, random.Next(0, 14)).Select(_ => Pick(random, Values)))}}]}""",
        1 => $$"""{"$nin":[{{string.Join(',', Enumerable.Range(0, random.Next(0, 4)).Select(_ => Pick(random, Values)))}}]}""",
        2 => random.Next(2) == 0 ? """{"$exists":true}""" : """{"$exists":false}""",
        3 when depth < 3 => $"{{\"$not\":{Operators(random, depth + 1)}}}",
        _ => $"{{{string.Join(',', Comparisons.OrderBy(_ => random.Next()).Take(random.Next(1, 3)).Select(name => $"\"{name}\":{(name is "$eq" or "$ne" ? Pick(random, Values) : Values[random.Next(8)])}"))}}}",
    };

    private static string Metadata(Random random, int depth) =>
        $"{{{string.Join(',', Names.OrderBy(_ => random.Next()).Take(random.Next(1, 5)).Select(name => $"\"{name}\":{Value(random, depth)}"))}}}";

    private static string Value(Random random, int depth) => random.Next(4) switch
    {
        0 when depth < 2 => Metadata(random, depth + 1),
        1 when depth < 2 => $"[{string.Join(',', Enumerable.Range(0, random.Next(0, 4)).Select(_ => Value(random, depth + 1)))}]",
        _ => Pick(random, Values),
    };

    private static string Pick(Random random, string[] all) => all[random.Next(all.Length)];

    private static bool All(JsonObject filter, JsonObject metadata) => filter.All(part => part.Key switch
    {
        "$and" => part.Value!.AsArray().All(inner => All(inner!.AsObject(), metadata)),
        "$or" => part.Value!.AsArray().Any(inner => All(inner!.AsObject(), metadata)),
        "$not" => !All(part.Value!.AsObject(), metadata),
        var path => Field(path, part.Value, metadata),
    });

    private static bool Field(string path, JsonNode? condition, JsonObject metadata)
    {
        var values = metadata.TryGetPropertyValue(path, out var flat) ? [flat] : path.Contains('.') ? Walk(metadata, path.Split('.')).ToList() : [];
        // A list stands for itself and for each of what it holds.
        var candidates = values.Concat(values.OfType<JsonArray>().SelectMany(list => list)).ToList();
        return Holds(condition, candidates);
    }

    private static bool Holds(JsonNode? condition, List<JsonNode?> candidates)
    {
        if (condition is not JsonObject operators)
            return candidates.Any(candidate => Same(candidate, condition));
        return operators.All(operation => operation.Key switch
        {
            "$eq" => candidates.Any(candidate => Same(candidate, operation.Value)),
            "$ne" => !candidates.Any(candidate => Same(candidate, operation.Value)),
            "$in" => candidates.Any(candidate => operation.Value!.AsArray().Any(value => Same(candidate, value))),
            "$nin" => !candidates.Any(candidate => operation.Value!.AsArray().Any(value => Same(candidate, value))),
            "$exists" => candidates.Count > 0 == operation.Value!.GetValue<bool>(),
            "$not" => !Holds(operation.Value, candidates),
            "$gt" => candidates.Any(candidate => Compare(candidate, operation.Value) > 0),
            "$gte" => candidates.Any(candidate => Compare(candidate, operation.Value) >= 0),
            "$lt" => candidates.Any(candidate => Compare(candidate, operation.Value) < 0),
            _ => candidates.Any(candidate => Compare(candidate, operation.Value) <= 0),
        });
    }

    private static IEnumerable<JsonNode?> Walk(JsonNode? node, string[] path)
    {
        if (path.Length == 0)
            return [node];
        return node switch
        {
            JsonObject map => map.TryGetPropertyValue(path[0], out var inner) ? Walk(inner, path[1..]) : [],
            JsonArray list => list.OfType<JsonObject>().SelectMany(element => Walk(element, path)),
            _ => [],
        };
    }

    private static bool Same(JsonNode? a, JsonNode? b) => KindOf(a) == KindOf(b) && KindOf(a) switch
    {
        JsonValueKind.Null or JsonValueKind.True or JsonValueKind.False => true,
        JsonValueKind.String or JsonValueKind.Number => Compare(a, b) == 0,
        _ => false,
    };

    private static int? Compare(JsonNode? a, JsonNode? b) => (KindOf(a), KindOf(b)) switch
    {
        (JsonValueKind.Number, JsonValueKind.Number) => decimal.Parse(a!.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture)
            .CompareTo(decimal.Parse(b!.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture)),
        (JsonValueKind.String, JsonValueKind.String) => string.CompareOrdinal(a!.GetValue<string>(), b!.GetValue<string>()),
        _ => null,
    };

    private static JsonValueKind KindOf(JsonNode? node) => node?.GetValueKind() ?? JsonValueKind.Null;
}
