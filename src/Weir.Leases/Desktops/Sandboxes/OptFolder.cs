namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>
/// What a sandbox sees of <c>/opt</c>: packages that are not the distribution's put a program there, in a folder of its vendor's, and a link to it in <c>/usr/bin</c>.
/// The folder of the desktop's own program is shown, and nothing else.
/// </summary>
internal static class OptFolder
{
    public const string Root = "/opt";

    /// <param name="program">A program, by name or path.</param>
    /// <param name="root">Where vendors have their folders.</param>
    /// <returns>The vendor's folder, below <paramref name="root"/>. Null: the program is elsewhere, or in none.</returns>
    public static string? Of(string program, string root = Root)
    {
        if (SandboxSupport.Find(program) is not { } path || !Directory.Exists(root))
            return null;
        var (real, from) = (HiddenFolders.Real(path), HiddenFolders.Real(root) + "/");
        var end = real.StartsWith(from, StringComparison.Ordinal) ? real.IndexOf('/', from.Length) : -1;
        return end < 0 ? null : Path.Combine(root, real[from.Length..end]);
    }
}
