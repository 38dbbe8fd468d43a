using System.Collections.Concurrent;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>What configured files of tools hold; each is read again only when its size or time has changed.</summary>
internal sealed class ToolFiles(CatalogLimits limits)
{
    private const int MostKept = 1_000;
    private readonly ConcurrentDictionary<string, (long Length, DateTime Written, ToolFile File)> _read = new(StringComparer.Ordinal);

    public ToolFile Read(string path)
    {
        var (length, written) = Stamp(path);
        if (_read.TryGetValue(path, out var known) && known.Length == length && known.Written == written)
            return known.File;
        // Paths come from the configuration, which changes rarely.
        if (_read.Count >= MostKept)
            _read.Clear();
        var file = Parse(path);
        _read[path] = (length, written, file);
        return file;
    }

    private static (long Length, DateTime Written) Stamp(string path)
    {
        try
        {
            var info = new FileInfo(path);
            return info.Exists ? (info.Length, info.LastWriteTimeUtc) : (-1, default);
        }
        catch (Exception away) when (away is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return (-1, default);
        }
    }

    private ToolFile Parse(string path)
    {
        if (CatalogChecks.ReadFile(path, limits, out var fault) is not { } list)
            return new ToolFile(null, 0, fault);
        var tools = new ToolListReader(limits).Read(list, "tools", out _);
        return new ToolFile(ToolBlobs.Encode(tools).Digest, tools.Count, null);
    }
}

/// <param name="Digest">Of its tools, as of a stored list. Null: it cannot be taken.</param>
/// <param name="Count">How many tools.</param>
/// <param name="Fault">Why it cannot be taken. Null: it can.</param>
internal sealed record ToolFile(string? Digest, int Count, string? Fault);
