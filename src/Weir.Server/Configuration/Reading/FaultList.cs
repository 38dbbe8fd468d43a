namespace Weir.Server.Configuration.Reading;

/// <summary>Collects what one load finds, and knows where each setting was written.</summary>
internal sealed class FaultList(string source)
{
    private readonly Dictionary<string, Origin> _origins = new(StringComparer.Ordinal);
    private readonly HashSet<string> _blamed = new(StringComparer.Ordinal);
    private readonly List<(Origin Origin, Fault Fault)> _faults = [];
    private readonly List<(Origin Origin, Fault Fault)> _warnings = [];

    public IReadOnlyList<Fault> Faults => InOrder(_faults);

    public IReadOnlyList<Fault> Warnings => InOrder(_warnings);

    public void Locate(string path, Origin origin) => _origins[path] = origin;

    public bool IsWritten(string path) => _origins.ContainsKey(path);

    /// <summary>Marks a setting as explained by another fault, so that its consequences are not reported too.</summary>
    public void Blame(string path) => _blamed.Add(path);

    /// <summary>Whether a setting is at fault already.</summary>
    public bool IsBlamed(string path) => _blamed.Contains(path);

    /// <summary>Whether a setting, or one below it, is at fault already.</summary>
    public bool IsBlamedWithin(string path) =>
        _blamed.Any(blamed => blamed.StartsWith(path, StringComparison.Ordinal) && (blamed.Length == path.Length || blamed[path.Length] is '.' or '['));

    /// <summary>A fault of a setting, placed where it was written, else where the nearest thing that holds it was.</summary>
    public void Add(string path, string message, string remedy) => Add(path, OriginOf(path), message, remedy);

    public void Add(string path, Origin origin, string message, string remedy)
    {
        // One cause, one fault: what is wrong in itself is not also reported for what follows from it.
        if (path.Length > 0 && IsBlamed(path))
        {
            return;
        }

        _blamed.Add(path);
        _faults.Add((origin, new Fault(origin.ToString(), path, message, remedy)));
    }

    /// <summary>A fault about a setting that does not stop others about the same setting.</summary>
    public void AddSyntax(Origin origin, string path, string message, string remedy) =>
        _faults.Add((origin, new Fault(origin.ToString(), path, message, remedy)));

    public void Warn(string path, string message, string remedy)
    {
        var origin = OriginOf(path);
        _warnings.Add((origin, new Fault(origin.ToString(), path, message, remedy)));
    }

    private static IReadOnlyList<Fault> InOrder(List<(Origin Origin, Fault Fault)> entries) =>
        [.. entries.OrderBy(entry => entry.Origin).Select(entry => entry.Fault)];

    private Origin OriginOf(string path)
    {
        for (string? at = path; at is not null; at = Parent(at))
        {
            if (_origins.TryGetValue(at, out var origin))
            {
                return origin;
            }
        }

        return new Origin(source);
    }

    /// <summary>Null above the root, which is the empty path. Names that hold dots only make the walk longer.</summary>
    private static string? Parent(string path) =>
        path.Length == 0 ? null : path[..Math.Max(0, path.LastIndexOfAny(['.', '[']))];
}
