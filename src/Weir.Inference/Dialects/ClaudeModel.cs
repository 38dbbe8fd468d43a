namespace Weir.Inference.Dialects;

/// <summary>
/// How a model of Anthropic's takes thinking and sampling, which is told by nothing but the version in its name: <c>claude-opus-4-7</c>,
/// <c>claude-3-5-sonnet-20241022</c>, <c>anthropic.claude-sonnet-4-6</c>. A name without one is taken for a model from before 4.6.
/// </summary>
internal readonly struct ClaudeModel
{
    private readonly int _version;
    private readonly bool _alwaysThinks;

    public ClaudeModel(string name)
    {
        var start = name.IndexOf("claude", StringComparison.OrdinalIgnoreCase);
        var major = -1;
        var expectsMinor = false;
        foreach (var part in start < 0 ? [] : name[start..].Split('-', '.', '_', '@', ':'))
        {
            // A day has more digits than a version.
            var isNumber = part.Length is 1 or 2 && part.All(char.IsAsciiDigit);
            if (isNumber && major < 0)
            {
                major = int.Parse(part, System.Globalization.CultureInfo.InvariantCulture);
                _version = major * 100;
                expectsMinor = true;
            }
            else
            {
                _version += isNumber && expectsMinor ? int.Parse(part, System.Globalization.CultureInfo.InvariantCulture) : 0;
                expectsMinor = false;
            }

            _alwaysThinks |= part.Equals("fable", StringComparison.OrdinalIgnoreCase) || part.Equals("mythos", StringComparison.OrdinalIgnoreCase);
        }
    }

    /// <summary>It decides itself how much it thinks, by an effort (4.6 and later; from 4.7 on a budget of tokens is refused).</summary>
    public bool IsAdaptive => _version >= 406 || _alwaysThinks;

    /// <summary>It knows the effort <c>xhigh</c>, and takes neither a temperature nor top_p or top_k (4.7 and later).</summary>
    public bool HasFixedSampling => _version >= 407 || _alwaysThinks;

    /// <summary>It thinks unless told not to (5 and later).</summary>
    public bool ThinksByDefault => _version >= 500 || _alwaysThinks;

    /// <summary>It cannot be told not to think (Fable and Mythos).</summary>
    public bool AlwaysThinks => _alwaysThinks;
}
