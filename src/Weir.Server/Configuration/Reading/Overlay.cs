using System.Globalization;
using System.Text;
using Weir.Server.Configuration.Shapes;

namespace Weir.Server.Configuration.Reading;

/// <summary>
/// Lays single settings from the environment and the command line over what the file says. The shape decides how a value is read:
/// texts, numbers and durations as they stand, objects, maps and lists as JSON, which replaces what was there.
/// </summary>
internal sealed class Overlay(ObjectShape root, FaultList faults)
{
    private const string Prefix = "WEIR__";

    /// <summary>Settings of the environment: <c>WEIR__SERVER__URL</c>, case being of no account. An empty value is as good as none.</summary>
    public void ApplyEnvironment(ConfigObject tree, IReadOnlyDictionary<string, string> environment)
    {
        // Shorter names first: a whole object before what is set inside it, item 2 of a list before item 10.
        var settings = environment
            .Where(variable => variable.Key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) && variable.Value.Length > 0)
            .OrderBy(variable => variable.Key.Length)
            .ThenBy(variable => variable.Key, StringComparer.Ordinal);
        foreach (var (name, value) in settings)
        {
            Apply(tree, name[Prefix.Length..].ToLowerInvariant().Split("__"), "__", value, new Origin(name));
        }
    }

    /// <summary>Settings of the command line: <c>--server.url=VALUE</c>. Later ones win.</summary>
    public void ApplyArguments(ConfigObject tree, IReadOnlyList<string> arguments)
    {
        foreach (var argument in arguments)
        {
            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            if (!argument.StartsWith("--", StringComparison.Ordinal) || equals < 3)
            {
                var shown = equals < 0 ? argument : argument[..equals];
                faults.AddSyntax(new Origin("command line"), "", $"'{shown}' is not a setting", "Write --section.name=value, such as --server.url=http://127.0.0.1:7800");
                continue;
            }

            var flag = argument[..equals];
            Apply(tree, flag[2..].Split('.'), ".", argument[(equals + 1)..], new Origin(flag));
        }
    }

    private void Apply(ConfigObject tree, string[] segments, string separator, string value, Origin origin)
    {
        ConfigNode node = tree;
        Shape? shape = root;
        var path = "";
        for (var i = 0; i < segments.Length;)
        {
            var (name, taken) = Name(node, shape, segments.AsSpan(i), separator);
            i += taken;
            if (name.Length == 0)
            {
                faults.AddSyntax(origin, path, "a name is missing between two separators", $"Write each name once, with {separator} between two");
                return;
            }

            var isLast = i == segments.Length;
            path = node is ConfigArray ? $"{path}[{name}]" : SettingPath.Member(path, name);
            shape = shape switch
            {
                ObjectShape known => known.Find(name)?.Shape,
                MapShape map => map.Value,
                ListShape list => list.Item,
                _ => null,
            };
            var child = isLast ? Value(shape, value, path, origin) : null;
            if (isLast && child is null)
            {
                return;
            }

            switch (node)
            {
                case ConfigObject parent:
                    child ??= parent.Find(name) is ConfigObject or ConfigArray ? parent.Find(name)! : Empty(shape, origin);
                    if (!ReferenceEquals(parent.Find(name), child))
                    {
                        parent.Set(name, origin, child);
                    }

                    break;
                case ConfigArray list when int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index <= list.Items.Count:
                    child ??= index < list.Items.Count && list.Items[index] is ConfigObject or ConfigArray ? list.Items[index] : Empty(shape, origin);
                    if (index == list.Items.Count)
                    {
                        list.Items.Add(child);
                    }
                    else
                    {
                        list.Items[index] = child;
                    }

                    break;
                default:
                    var count = ((ConfigArray)node).Items.Count;
                    faults.AddSyntax(origin, path, $"the list has {count} items", $"Use a position from 0 to {count}, which adds one");
                    return;
            }

            node = child;
        }
    }

    private static ConfigNode Empty(Shape? shape, Origin origin) => shape is ListShape ? new ConfigArray(origin) : new ConfigObject(origin);

    /// <summary>
    /// The next name of a path. Names that users choose may hold the separator, or characters that a variable's name cannot:
    /// the longest existing entry wins, '-', '.' and '/' counting as '_'.
    /// </summary>
    private static (string Name, int Taken) Name(ConfigNode node, Shape? shape, ReadOnlySpan<string> segments, string separator)
    {
        if (shape is MapShape && node is ConfigObject map)
        {
            for (var taken = segments.Length; taken > 0; taken--)
            {
                var wanted = Loose(string.Join(separator, segments[..taken].ToArray()));
                if (map.Members.FirstOrDefault(member => Loose(member.Name) == wanted) is { } existing)
                {
                    return (existing.Name, taken);
                }
            }
        }

        return (segments[0], 1);
    }

    private static string Loose(string name) => name.ToLowerInvariant().Replace('-', '_').Replace('.', '_').Replace('/', '_');

    private ConfigNode? Value(Shape? shape, string value, string path, Origin origin) => shape is ObjectShape or MapShape or ListShape
        ? JsonText.Parse(Encoding.UTF8.GetBytes(value), path, (_, _) => origin, faults)
        : new ConfigScalar(origin, ScalarKind.Text, value) { Untyped = true };
}
