using System.IO.Enumeration;
using System.Text;
using System.Text.RegularExpressions;

namespace Weir.Retrieval.Files;

/// <summary>
/// Which files are meant: paths with <c>*</c> (not over a slash), <c>**</c> (over any) and <c>?</c>; a folder stands for all in it.
/// Hidden files and folders are passed over, and folders that are links, which may lead round in circles.
/// </summary>
internal sealed class FilePatterns
{
    private readonly List<(string Folder, Regex Matches)> _patterns = [];
    private readonly string _root;
    private readonly IReadOnlyList<string>? _kinds;

    /// <param name="patterns">As in the configuration.</param>
    /// <param name="root">What relative paths begin at, and what names are relative to.</param>
    /// <param name="kinds">The endings that files may have, in small letters and with their dots; null: any.</param>
    public FilePatterns(IEnumerable<string> patterns, string root, IReadOnlyList<string>? kinds = null)
    {
        (_root, _kinds) = (Path.GetFullPath(root), kinds);
        foreach (var pattern in patterns)
        {
            var full = pattern.Replace('\\', '/');
            var wild = full.AsSpan().IndexOfAny('*', '?');
            var cut = full.LastIndexOf('/', wild < 0 ? full.Length - 1 : wild);
            var (folder, rest) = (cut < 0 ? "." : cut == 0 ? "/" : full[..cut], full[(cut + 1)..]);
            if (wild < 0 && Directory.Exists(Path.Combine(_root, full)))
                (folder, rest) = (full, "**");
            _patterns.Add((Path.GetFullPath(Path.Combine(_root, folder)), Expression(rest)));
        }
    }

    /// <summary>Folders that are named and not there: what was loaded from them before is not taken for removed.</summary>
    public IReadOnlyList<string> Missing => [.. _patterns.Select(pattern => pattern.Folder).Where(folder => !Directory.Exists(folder)).Distinct(StringComparer.Ordinal)];

    /// <summary>The files there are now: each by its path relative to the root, or to its pattern's folder where it lies elsewhere.</summary>
    /// <param name="most">No more than these.</param>
    public Dictionary<string, FoundFile> Find(int most)
    {
        var found = new Dictionary<string, FoundFile>(StringComparer.Ordinal);
        foreach (var (folder, matches) in _patterns.Where(pattern => Directory.Exists(pattern.Folder)))
        {
            var files = new FileSystemEnumerable<FoundFile>(
                folder,
                static (ref FileSystemEntry entry) => (entry.Attributes & FileAttributes.ReparsePoint) == 0
                    ? new FoundFile(entry.ToFullPath(), entry.Length, entry.LastWriteTimeUtc)
                    : Followed(entry.ToFullPath()),
                new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System })
            {
                ShouldIncludePredicate = static (ref FileSystemEntry entry) => !entry.IsDirectory,
                ShouldRecursePredicate = static (ref FileSystemEntry entry) => (entry.Attributes & FileAttributes.ReparsePoint) == 0,
            };
            foreach (var file in files)
            {
                if (_kinds?.Contains(Path.GetExtension(file.Path).ToLowerInvariant()) == false || !matches.IsMatch(Slashes(Path.GetRelativePath(folder, file.Path))))
                    continue;
                if (found.Count >= most)
                    return found;
                found[Name(file.Path, folder)] = file;
            }
        }

        return found;
    }

    // What a link leads to changes while the link stays as it is.
    private static FoundFile Followed(string path)
    {
        try
        {
            if (File.ResolveLinkTarget(path, returnFinalTarget: true) is FileInfo { Exists: true } target)
                return new FoundFile(path, target.Length, target.LastWriteTimeUtc);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It leads round in a circle, or to where nobody may look: reading it will say so.
        }

        return new FoundFile(path, -1, default);
    }

    private string Name(string path, string folder)
    {
        var relative = Slashes(Path.GetRelativePath(_root, path));
        return relative.StartsWith("../", StringComparison.Ordinal) || Path.IsPathRooted(relative) ? Slashes(Path.GetRelativePath(folder, path)) : relative;
    }

    private static string Slashes(string path) => path.Replace('\\', '/');

    private static Regex Expression(string pattern)
    {
        var text = new StringBuilder("^");
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern.AsSpan(i).StartsWith("**/"))
            {
                text.Append("(?:.*/)?");
                i += 2;
            }
            else if (pattern.AsSpan(i).StartsWith("**"))
            {
                text.Append(".*");
                i++;
            }
            else
            {
                text.Append(pattern[i] switch
                {
                    '*' => "[^/]*",
                    '?' => "[^/]",
                    var c => Regex.Escape(c.ToString()),
                });
            }
        }

        return new Regex(text.Append("\\z").ToString(), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }
}

/// <summary>A file as it lies there.</summary>
internal sealed record FoundFile(string Path, long Length, DateTimeOffset Written);
