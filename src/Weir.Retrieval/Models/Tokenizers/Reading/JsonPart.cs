using System.Text.Json;

namespace Weir.Retrieval.Models.Tokenizers.Reading;

/// <summary>A part of a tokenizer's file that knows where it stands, so that what is wrong can be said with its place.</summary>
internal readonly record struct JsonPart(string File, string Path, JsonElement Value)
{
    public string Text => Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Wrong("is not a text");

    public bool Flag => Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw Wrong("is neither true nor false");

    /// <summary>A whole number of 0 or more.</summary>
    public int Number => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) && number >= 0
        ? number
        : throw Wrong("is not a whole number of 0 or more");

    public double Real => Value.ValueKind == JsonValueKind.Number && Value.TryGetDouble(out var number) && double.IsFinite(number)
        ? number
        : throw Wrong("is not a number");

    /// <summary>What kind of step this is.</summary>
    public string Kind => Need("type").Text;

    /// <summary>Null where it is missing or null.</summary>
    public JsonPart? Get(string name)
    {
        if (Value.ValueKind != JsonValueKind.Object)
            throw Wrong("is not an object");
        return Value.TryGetProperty(name, out var found) && found.ValueKind != JsonValueKind.Null ? new JsonPart(File, Below(name), found) : null;
    }

    public JsonPart Need(string name) => Get(name) ?? throw Wrong($"has no {name}");

    public bool FlagOf(string name, bool otherwise) => Get(name)?.Flag ?? otherwise;

    public string TextOf(string name, string otherwise) => Get(name)?.Text ?? otherwise;

    public IEnumerable<JsonPart> Items()
    {
        if (Value.ValueKind != JsonValueKind.Array)
            throw Wrong("is not a list");
        var at = 0;
        foreach (var item in Value.EnumerateArray())
            yield return new JsonPart(File, $"{Path}[{at++}]", item);
    }

    public IEnumerable<(string Name, JsonPart Part)> Properties()
    {
        if (Value.ValueKind != JsonValueKind.Object)
            throw Wrong("is not an object");
        foreach (var property in Value.EnumerateObject())
            yield return (property.Name, new JsonPart(File, $"{Path}['{property.Name}']", property.Value));
    }

    /// <param name="what">Goes on after the place: "is not a list".</param>
    public ModelLoadException Wrong(string what) => new($"{File}: {(Path.Length == 0 ? "it" : Path)} {what}.");

    public ModelLoadException Unsupported(string what, string supported) => Wrong($"is of the kind '{Kind}', which is no {what} that is known here. Known are {supported}");

    private string Below(string name) => Path.Length == 0 ? name : $"{Path}.{name}";
}
