namespace Weir.Server.Configuration.Reading;

/// <summary>A value as it was written, with its place. Trees are built, overlaid and bound by one load and then dropped.</summary>
internal abstract class ConfigNode(Origin origin)
{
    public Origin Origin { get; } = origin;

    /// <summary>What it is, with an article, for sentences: "found a number".</summary>
    public abstract string Kind { get; }
}

internal sealed class ConfigObject(Origin origin) : ConfigNode(origin)
{
    private readonly List<ConfigMember> _members = [];
    private readonly Dictionary<string, int> _positions = new(StringComparer.Ordinal);

    public override string Kind => "an object";

    public IReadOnlyList<ConfigMember> Members => _members;

    public ConfigNode? Find(string name) => _positions.TryGetValue(name, out var position) ? _members[position].Value : null;

    public void Set(string name, Origin nameOrigin, ConfigNode value)
    {
        var member = new ConfigMember(name, nameOrigin, value);
        if (_positions.TryAdd(name, _members.Count))
        {
            _members.Add(member);
        }
        else
        {
            _members[_positions[name]] = member;
        }
    }
}

internal sealed record ConfigMember(string Name, Origin NameOrigin, ConfigNode Value);

internal sealed class ConfigArray(Origin origin) : ConfigNode(origin)
{
    public override string Kind => "a list";

    public List<ConfigNode> Items { get; } = [];
}

internal enum ScalarKind
{
    Text,
    Number,
    Truth,
    Null,
}

/// <summary>A text, a number, true, false or null.</summary>
internal sealed class ConfigScalar(Origin origin, ScalarKind scalar, string text) : ConfigNode(origin)
{
    public ScalarKind Scalar { get; } = scalar;

    /// <summary>The value, variables expanded.</summary>
    public string Text { get; } = text;

    /// <summary>The value before expansion: what a fault may show.</summary>
    public string Written { get; init; } = text;

    /// <summary>The source knows only text (a variable, a flag), so that "5" is a number where one is wanted.</summary>
    public bool Untyped { get; init; }

    public override string Kind => Scalar switch
    {
        ScalarKind.Text => "a text",
        ScalarKind.Number => "a number",
        ScalarKind.Truth => "true or false",
        _ => "null",
    };
}
