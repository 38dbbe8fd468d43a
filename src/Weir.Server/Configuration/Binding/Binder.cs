using System.Collections;
using System.Collections.ObjectModel;
using Weir.Server.Configuration.Reading;
using Weir.Server.Configuration.Shapes;

namespace Weir.Server.Configuration.Binding;

/// <summary>Makes options of nodes. Goes on after a fault, leaving that setting at its default, so that one pass finds them all.</summary>
internal sealed class Binder(FaultList faults)
{
    private const string LaterRemedy = "Remove it";

    /// <summary>A place in the tree: as faults name it, and with every chosen name replaced by <c>*</c>.</summary>
    private readonly record struct Place(string Path, string Pattern)
    {
        public Place Member(string name) => new(SettingPath.Member(Path, name), SettingPath.Member(Pattern, name));

        public Place Entry(string name) => new(SettingPath.Member(Path, name), SettingPath.Member(Pattern, "*"));

        public Place Item(int index) => new(SettingPath.Item(Path, index), SettingPath.Member(Pattern, "*"));
    }

    public WeirOptions Bind(ConfigObject root) => (WeirOptions)BindObject(ShapeReader.Root, root, new Place("", ""));

    private object? Bind(Shape shape, Setting? setting, ConfigNode node, Place place)
    {
        faults.Locate(place.Path, node.Origin);
        switch (shape, node)
        {
            case (ObjectShape known, ConfigObject value):
                return BindObject(known, value, place);
            case (MapShape map, ConfigObject value):
                return BindMap(map, setting, value, place);
            case (ListShape list, ConfigArray value):
                return BindList(list, setting, value, place);
            case (WordShape words, ConfigScalar { Scalar: ScalarKind.Text } value):
                return BindWord(words, value, place);
            case (ScalarShape scalar, ConfigScalar value) when IsWrittenAs(scalar, value):
                return BindScalar(scalar, setting, value, place);
            default:
                faults.Add(place.Path, $"must be {shape.Expected}, found {node.Kind}", $"Write {shape.Example}");
                return null;
        }
    }

    private object BindObject(ObjectShape shape, ConfigObject node, Place place)
    {
        var options = Activator.CreateInstance(shape.Type)!;
        foreach (var member in node.Members)
        {
            if (shape.Find(member.Name) is not { } setting)
            {
                // "$schema" is for editors.
                if (place.Path.Length > 0 || member.Name != "$schema")
                {
                    AddUnknown(shape, node, member, place);
                }

                continue;
            }

            var inner = place.Member(member.Name);
            if (member.Value is ConfigScalar { Scalar: ScalarKind.Null })
            {
                faults.Locate(inner.Path, member.Value.Origin);
                if (!setting.Nullable)
                {
                    faults.Add(inner.Path, "must not be null", "Leave it out for its default");
                }
            }
            else if (Bind(setting.Shape, setting, member.Value, inner) is { } value)
            {
                setting.Property.SetValue(options, value);
            }
        }

        foreach (var setting in shape.Settings.Where(setting => setting.Required && node.Find(setting.Name) is null))
        {
            faults.Add(place.Member(setting.Name).Path, node.Origin, "is missing", $"Add \"{setting.Name}\": {setting.Shape.Example}");
        }

        return options;
    }

    private object BindMap(MapShape shape, Setting? setting, ConfigObject node, Place place)
    {
        var entries = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), shape.ValueType), StringComparer.Ordinal)!;
        foreach (var member in node.Members)
        {
            if (Bind(shape.Value, setting, member.Value, place.Entry(member.Name)) is { } value)
            {
                entries[member.Name] = value;
            }
        }

        return Activator.CreateInstance(typeof(ReadOnlyDictionary<,>).MakeGenericType(typeof(string), shape.ValueType), entries)!;
    }

    private object? BindList(ListShape shape, Setting? setting, ConfigArray node, Place place)
    {
        if (setting is { MinLength: var least } && node.Items.Count < least)
        {
            faults.Add(place.Path, $"must have at least {least} {(least == 1 ? "entry" : "entries")}", $"Write {shape.Example}");
            return null;
        }

        // Items that do not bind leave a gap in the list, not in the numbering of faults.
        var values = node.Items.Select((item, index) => Bind(shape.Item, setting, item, place.Item(index))).OfType<object>().ToArray();
        var items = Array.CreateInstance(shape.ItemType, values.Length);
        values.CopyTo(items, 0);
        return Activator.CreateInstance(typeof(ReadOnlyCollection<>).MakeGenericType(shape.ItemType), items);
    }

    private object? BindWord(WordShape shape, ConfigScalar node, Place place)
    {
        var known = shape.Words.FirstOrDefault(word => word.Text == node.Text);
        if (LaterSettings.HasWord(place.Pattern, node.Text))
        {
            faults.Add(place.Path, $"this version of Weir does not have '{node.Written}'", $"Write {Choices(shape, place)}");
            return null;
        }

        if (known is null)
        {
            var near = NearestName.Find(node.Text, shape.Words.Select(word => word.Text));
            var remedy = near is null ? $"Write {shape.Expected}" : $"Did you mean \"{near}\"? It is {shape.Expected}";
            faults.Add(place.Path, $"{Shown(node)} is not known here", remedy);
        }

        return known?.Value;
    }

    private static string Choices(WordShape shape, Place place) =>
        string.Join(" or ", shape.Words.Where(word => !LaterSettings.HasWord(place.Pattern, word.Text)).Select(word => $"\"{word.Text}\""));

    private object? BindScalar(ScalarShape shape, Setting? setting, ConfigScalar node, Place place)
    {
        if (shape.Read(node.Text) is not { } value)
        {
            faults.Add(place.Path, $"{Shown(node)} is not {shape.Expected}", $"Write it like {shape.Example}");
            return null;
        }

        if (setting?.Bounds is { } bounds && ScalarShape.Measure(value) is { } measure && (measure < bounds.Least || measure > bounds.Greatest))
        {
            // It has been read as a number, a duration or a size: nobody's secret.
            faults.Add(place.Path, $"'{node.Written}' is out of range", $"Choose from {shape.Write(bounds.Least)} to {shape.Write(bounds.Greatest)}");
            return null;
        }

        if (setting?.Pattern is { } pattern && !pattern.IsMatch(node.Text))
        {
            faults.Add(place.Path, $"{Shown(node)} is not allowed", $"It must match {pattern}");
            return null;
        }

        if (setting is { Required: true } && node.Text.Length == 0)
        {
            faults.Add(place.Path, "is empty", "Write a name");
            return null;
        }

        return value;
    }

    /// <summary>
    /// What stands in the wrong place may be a secret that belongs in another, so it is shown only where it cannot be one: as the
    /// name of a variable.
    /// </summary>
    private static string Shown(ConfigScalar node) => VariableExpansion.IsReference(node.Written) ? $"'{node.Written}'" : "what is written";

    /// <summary>A file says by quotes what is text; a variable or a flag cannot. Sizes may be plain numbers anywhere.</summary>
    private static bool IsWrittenAs(ScalarShape shape, ConfigScalar node) => shape.Scalar switch
    {
        Scalar.Text or Scalar.Duration or Scalar.Rhythm => node.Scalar == ScalarKind.Text,
        Scalar.Size => node.Scalar is ScalarKind.Text or ScalarKind.Number,
        Scalar.Truth => node.Scalar == ScalarKind.Truth || (node.Untyped && node.Scalar == ScalarKind.Text),
        _ => node.Scalar == ScalarKind.Number || (node.Untyped && node.Scalar == ScalarKind.Text),
    };

    private void AddUnknown(ObjectShape shape, ConfigObject node, ConfigMember member, Place place)
    {
        var inner = place.Member(member.Name);
        if (LaterSettings.Names.Contains(inner.Pattern))
        {
            faults.Add(inner.Path, member.NameOrigin, "this version of Weir does not have it", LaterRemedy);
            return;
        }

        var free = shape.Settings.Select(setting => setting.Name).Where(name => node.Find(name) is null);
        var near = NearestName.Find(member.Name, free);
        if (near is not null)
        {
            faults.Add(inner.Path, member.NameOrigin, "is not a setting", $"Did you mean \"{near}\"?");
            faults.Blame(place.Member(near).Path);
            return;
        }

        faults.Add(inner.Path, member.NameOrigin, "is not a setting", $"Known here: {string.Join(", ", shape.Settings.Select(setting => setting.Name))}");
    }
}
