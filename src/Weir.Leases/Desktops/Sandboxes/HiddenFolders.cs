namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>Folders of Weir's own that lie below what a sandbox is shown of the machine, and are covered there.</summary>
internal static class HiddenFolders
{
    // Whatever stands there, programs of every desktop do too: covered, nothing would begin.
    private static readonly string[] Shared =
    [
        "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec", "/usr/share", "/usr/local", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/share",
        "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    ];

    /// <summary>The data folder in any case, where desktops would rather fail than see it; the folders that this program is in and works in, unless other programs share them.</summary>
    public static IReadOnlyList<string> Of(string dataFolder)
    {
        var others = new[] { AppContext.BaseDirectory, Environment.CurrentDirectory }.Where(Directory.Exists).Select(Real).Where(folder => !Shared.Contains(folder, StringComparer.Ordinal));
        return [.. others.Append(Real(dataFolder)).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Where folders of the machine are to be seen inside, each without those that lie below another.</summary>
    /// <param name="hidden">Folders, without links in their paths.</param>
    /// <param name="bound">Paths of the machine that are shown under the same path.</param>
    /// <param name="asOther">The sandbox is made by a user that may not be let into every folder on the way: then the first of those is what is covered.</param>
    public static IReadOnlyList<string> Inside(IEnumerable<string> hidden, IEnumerable<string> bound, bool asOther)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        var roots = bound.Where(Path.Exists).Select(path => (Path: path, Real: Real(path))).ToArray();
        foreach (var folder in hidden)
        {
            foreach (var root in roots.Where(root => IsIn(folder, root.Real)))
                found.Add(root.Path + Reached(folder, root.Real, asOther)[root.Real.Length..]);
        }

        return [.. found.Where(path => !found.Any(other => other != path && IsIn(path, other)))];
    }

    /// <summary>A path without links in it.</summary>
    internal static string Real(string path)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(path) is not { } parent)
            return path;
        var here = Path.Combine(Real(parent), Path.GetFileName(path));
        return Directory.ResolveLinkTarget(here, returnFinalTarget: false) is { } target ? Real(target.FullName) : here;
    }

    private static string Reached(string folder, string root, bool asOther)
    {
        for (var at = root.Length; asOther && !OperatingSystem.IsWindows() && at < folder.Length;)
        {
            var next = folder.IndexOf('/', at + 1);
            at = next < 0 ? folder.Length : next;
            if ((File.GetUnixFileMode(folder[..at]) & UnixFileMode.OtherExecute) == 0)
                return folder[..at];
        }

        return folder;
    }

    private static bool IsIn(string path, string folder) => path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal);
}
