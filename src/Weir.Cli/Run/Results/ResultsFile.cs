using System.Text.Json;
using Weir.Cli.Run.Tasks;
using Weir.State.Files;

namespace Weir.Cli.Run.Results;

/// <summary>What a results file holds after it was mended.</summary>
/// <param name="Kept">Records that stay.</param>
/// <param name="Dropped">Records that were taken out, to be made again.</param>
/// <param name="Torn">Lines that were not whole, and are gone.</param>
internal sealed record ResultsState(int Kept, int Dropped, int Torn);

/// <summary>
/// A results file is only ever appended to, so a crash can tear its end and nothing else. Opening it mends that; taking records out writes the file anew under
/// another name and renames it, so that at every moment there is one whole file.
/// </summary>
internal static class ResultsFile
{
    // An output of 16 MB, each byte of it escaped.
    private const int LongestLine = 128 * 1024 * 1024;

    /// <param name="path">May be missing.</param>
    /// <param name="keep">Told of each record, by its task and how it ended; false takes it out.</param>
    /// <exception cref="FormatException">There is a line that no crash explains.</exception>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    public static ResultsState Mend(string path, Func<UInt128, TaskState, bool> keep)
    {
        var rewritten = path + ".new";
        File.Delete(rewritten);
        if (!File.Exists(path))
            return new(0, 0, 0);

        int kept = 0, dropped = 0, torn = 0;
        var gone = new HashSet<int>();
        long end = 0;
        bool isEnded = true, hasHole = false;
        using (var file = OpenRead(path))
        {
            var lines = new JsonLines(file, LongestLine);
            while (lines.Read())
            {
                if (TaskLine.IsBlank(lines.Line.Span) && !lines.IsTooLong)
                {
                    (end, isEnded) = (lines.Next, true);
                    continue;
                }

                if (HeadOf(lines.Line) is { } head)
                {
                    (end, isEnded) = (lines.Next, lines.IsEnded);
                    if (keep(TaskKey.Of(head.Id), head.Status))
                    {
                        kept++;
                        continue;
                    }

                    dropped++;
                }
                else
                {
                    // A hole of zeros is what a power cut leaves in the middle; anything else there was written by somebody.
                    var isHole = lines.Line.Span.Contains((byte)0);
                    if (lines.IsEnded && !isHole)
                        throw new FormatException($"Line {lines.Number} of {path} is no result. Mend or remove that line, or name another file with --out.");
                    torn++;
                    if (!lines.IsEnded)
                        continue;
                    hasHole = true;
                }

                gone.Add(lines.Number);
            }
        }

        if (dropped > 0 || hasHole)
            Rewrite(path, rewritten, gone, end);
        else if (torn > 0 || !isEnded)
            MendEnd(path, end, isEnded);
        return new(kept, dropped, torn);
    }

    private static (string Id, TaskState Status)? HeadOf(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind is JsonValueKind.Object
                && json.RootElement.TryGetProperty("id", out var id) && id.ValueKind is JsonValueKind.String
                && json.RootElement.TryGetProperty("status", out var status) && status.ValueKind is JsonValueKind.String
                && Enum.TryParse<TaskState>(status.GetString(), ignoreCase: true, out var state)
                    ? (id.GetString()!, state)
                    : null;
        }
        catch (Exception none) when (none is JsonException or InvalidOperationException)
        {
            // Of another program, which has written half of a surrogate pair.
            return null;
        }
    }

    private static void MendEnd(string path, long end, bool isEnded)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        file.SetLength(end);
        file.Position = end;
        if (!isEnded)
            file.WriteByte((byte)'\n');
        file.Flush(flushToDisk: true);
    }

    private static void Rewrite(string path, string rewritten, HashSet<int> gone, long end)
    {
        using (var from = OpenRead(path))
        using (var to = new FileStream(rewritten, FileMode.CreateNew, FileAccess.Write))
        {
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(rewritten, File.GetUnixFileMode(path));
            var lines = new JsonLines(from, LongestLine);
            while (lines.Read() && lines.Offset < end)
            {
                if (gone.Contains(lines.Number))
                    continue;
                to.Write(lines.Line.Span);
                to.WriteByte((byte)'\n');
            }

            to.Flush(flushToDisk: true);
        }

        DurableFile.Publish(rewritten, path);
    }

    private static FileStream OpenRead(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
}
