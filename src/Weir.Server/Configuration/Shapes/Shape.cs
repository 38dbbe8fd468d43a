using System.Reflection;
using System.Text.RegularExpressions;

namespace Weir.Server.Configuration.Shapes;

/// <summary>What a setting may hold: read once from the option types, used by binding and by the schema alike.</summary>
internal abstract class Shape
{
    /// <summary>What belongs there, with an article, for sentences: "must be a duration".</summary>
    public abstract string Expected { get; }

    /// <summary>How it is written, for remedies.</summary>
    public abstract string Example { get; }
}

/// <summary>A fixed set of named settings: one of the option records.</summary>
internal sealed class ObjectShape(Type type, IReadOnlyList<Setting> settings) : Shape
{
    public Type Type { get; } = type;

    public IReadOnlyList<Setting> Settings { get; } = settings;

    public override string Expected => "an object";

    public override string Example => "{ … }";

    public Setting? Find(string name) => Settings.FirstOrDefault(setting => setting.Name == name);
}

/// <summary>Names that the user chooses, each with a value of the same shape.</summary>
internal sealed class MapShape(Type valueType, Shape value) : Shape
{
    public Type ValueType { get; } = valueType;

    public Shape Value { get; } = value;

    public override string Expected => "an object with a name for each entry";

    public override string Example => $"{{ \"name\": {Value.Example} }}";
}

internal sealed class ListShape(Type itemType, Shape item) : Shape
{
    public Type ItemType { get; } = itemType;

    public Shape Item { get; } = item;

    public override string Expected => "a list";

    public override string Example => $"[ {Item.Example} ]";
}

/// <summary>One of a few words.</summary>
internal sealed class WordShape(Type type, IReadOnlyList<Word> words) : Shape
{
    public Type Type { get; } = type;

    public IReadOnlyList<Word> Words { get; } = words;

    public override string Expected => $"one of {string.Join(", ", Words.Select(word => word.Text))}";

    public override string Example => $"\"{Words[0].Text}\"";
}

internal sealed record Word(string Text, object Value, FieldInfo Field);

/// <summary>One member of an option record.</summary>
internal sealed record Setting(string Name, PropertyInfo Property, Shape Shape)
{
    /// <summary>Null may be written, and means that nothing is.</summary>
    public required bool Nullable { get; init; }

    public required bool Required { get; init; }

    /// <summary>Its value may appear nowhere but where it is used.</summary>
    public required bool Secret { get; init; }

    public required bool RestartRequired { get; init; }

    public required Bounds? Bounds { get; init; }

    /// <summary>What a text must match as a whole.</summary>
    public required Regex? Pattern { get; init; }

    /// <summary>The least number of items of a list, or of characters of a text.</summary>
    public required int MinLength { get; init; }
}

/// <summary>The least and the greatest value, both allowed; of durations in ticks, of sizes in bytes.</summary>
internal sealed record Bounds(double Least, double Greatest);
