using System.Globalization;

namespace Weir.Retrieval.Embedding.Loading;

/// <summary>The names, lengths and times of a folder's files: different once any of them was written anew.</summary>
internal static class FolderStamp
{
    private const int MostFiles = 64;

    public static string Of(string folder)
    {
        // Whoever loads it says what is wrong with a folder that is not there.
        if (!Directory.Exists(folder))
            return "";
        var files = new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal).Take(MostFiles);
        return string.Join('\n', files.Select(file => string.Create(CultureInfo.InvariantCulture, $"{file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}")));
    }
}
