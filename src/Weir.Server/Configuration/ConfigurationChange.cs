using System.Collections;
using Weir.Server.Configuration.Reading;
using Weir.Server.Configuration.Shapes;

namespace Weir.Server.Configuration;

/// <summary>A setting that differs between two configurations; its values are left out, they may be secret.</summary>
internal sealed record ConfigurationChange(string Path, bool RestartRequired)
{
    public static IReadOnlyList<ConfigurationChange> Between(WeirOptions before, WeirOptions after)
    {
        var changes = new List<ConfigurationChange>();
        Compare(ShapeReader.Root, before, after, "", false, changes);
        return changes;
    }

    private static void Compare(Shape shape, object? before, object? after, string path, bool restart, List<ConfigurationChange> changes)
    {
        switch (shape)
        {
            case ObjectShape known when before is not null && after is not null:
                foreach (var setting in known.Settings)
                {
                    Compare(
                        setting.Shape,
                        setting.Property.GetValue(before),
                        setting.Property.GetValue(after),
                        SettingPath.Member(path, setting.Name),
                        restart || setting.RestartRequired,
                        changes);
                }

                break;
            case MapShape map when before is not null && after is not null:
                var (old, current) = (Entries(before), Entries(after));
                foreach (var name in old.Keys.Union(current.Keys))
                {
                    Compare(map.Value, old.GetValueOrDefault(name), current.GetValueOrDefault(name), SettingPath.Member(path, name), restart, changes);
                }

                break;
            case ListShape list when before is IList olds && after is IList news && olds.Count == news.Count:
                for (var i = 0; i < olds.Count; i++)
                {
                    Compare(list.Item, olds[i], news[i], SettingPath.Item(path, i), restart, changes);
                }

                break;
            default:
                if (!Equals(before, after))
                {
                    changes.Add(new ConfigurationChange(path, restart));
                }

                break;
        }
    }

    private static Dictionary<string, object?> Entries(object map)
    {
        var entries = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var entry in (IEnumerable)map)
        {
            var type = entry.GetType();
            entries[(string)type.GetProperty("Key")!.GetValue(entry)!] = type.GetProperty("Value")!.GetValue(entry);
        }

        return entries;
    }
}
