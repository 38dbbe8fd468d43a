using System.Runtime.CompilerServices;

namespace Weir.Tests.House;

/// <summary>The repository that these tests were built from.</summary>
internal static class Repository
{
    private static readonly string[] Foreign = ["artifacts", "node_modules", ".git", "data"];

    public static string Root { get; } = FindRoot();

    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    /// <summary>The files of our own whose names end so, by path relative to the root.</summary>
    public static IEnumerable<string> Files(string ending) => Walk(Root)
        .Where(file => file.EndsWith(ending, StringComparison.Ordinal))
        .Select(file => System.IO.Path.GetRelativePath(Root, file))
        .Order(StringComparer.Ordinal);

    private static IEnumerable<string> Walk(string folder) => Directory.EnumerateFiles(folder).Concat(
        Directory.EnumerateDirectories(folder)
            .Where(inner => !Foreign.Contains(System.IO.Path.GetFileName(inner)))
            .SelectMany(Walk));

    /// <summary>Built files stand under the root; where they were moved, the source's path tells.</summary>
    private static string FindRoot([CallerFilePath] string source = "")
    {
        foreach (var start in new[] { AppContext.BaseDirectory, System.IO.Path.GetDirectoryName(source)! })
        {
            for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
            {
                if (File.Exists(System.IO.Path.Combine(folder.FullName, "Weir.slnx")))
                {
                    return folder.FullName;
                }
            }
        }

        throw new DirectoryNotFoundException("No Weir.slnx above the tests.");
    }
}
