using System.Text;
using System.Text.RegularExpressions;

namespace Weir.Server.Configuration.Reading;

/// <summary>
/// Replaces <c>${NAME}</c> in the texts of a file by environment variables; <c>$${</c> stands for <c>${</c> itself.
/// What a variable holds is taken as it is, never expanded again. A variable that is not set is a fault.
/// </summary>
internal sealed partial class VariableExpansion(IReadOnlyDictionary<string, string> environment, FaultList faults)
{
    /// <summary>Whether a text as it was written is one variable and nothing else.</summary>
    public static bool IsReference(string written) =>
        written is ['$', '{', .. var name, '}'] && Name().IsMatch(name);

    public ConfigNode Expand(ConfigNode node, string path)
    {
        switch (node)
        {
            case ConfigObject source:
                var expanded = new ConfigObject(source.Origin);
                foreach (var member in source.Members)
                {
                    expanded.Set(member.Name, member.NameOrigin, Expand(member.Value, SettingPath.Member(path, member.Name)));
                }

                return expanded;
            case ConfigArray source:
                var items = new ConfigArray(source.Origin);
                items.Items.AddRange(source.Items.Select((item, index) => Expand(item, SettingPath.Item(path, index))));
                return items;
            case ConfigScalar { Scalar: ScalarKind.Text } text when text.Text.Contains("${", StringComparison.Ordinal):
                return ExpandText(text, path);
            default:
                return node;
        }
    }

    private ConfigScalar ExpandText(ConfigScalar text, string path)
    {
        var result = new StringBuilder();
        var rest = text.Text.AsSpan();
        var replaced = false;
        while (rest.IndexOf("${", StringComparison.Ordinal) is >= 0 and var start)
        {
            if (start > 0 && rest[start - 1] == '$')
            {
                result.Append(rest[..(start - 1)]).Append("${");
                rest = rest[(start + 2)..];
                continue;
            }

            result.Append(rest[..start]);
            var close = rest[start..].IndexOf('}');
            var name = close < 0 ? "" : rest[(start + 2)..(start + close)].ToString();
            if (!Name().IsMatch(name))
            {
                faults.Add(path, text.Origin, "holds '${' without the name of a variable and '}'", "Write ${NAME}, or $${ for the characters themselves");
                return text;
            }

            if (environment.TryGetValue(name, out var value))
            {
                result.Append(value);
                replaced = true;
            }
            else
            {
                faults.Add(path, text.Origin, $"the environment variable {name} is not set", $"Set {name}, or remove this setting");
                return text;
            }

            rest = rest[(start + close + 1)..];
        }

        result.Append(rest);
        return new ConfigScalar(text.Origin, ScalarKind.Text, result.ToString()) { Written = text.Text, Untyped = replaced };
    }

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]*\z")]
    private static partial Regex Name();
}
