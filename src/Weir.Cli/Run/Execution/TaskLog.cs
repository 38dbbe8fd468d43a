using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Cli.Run.Execution;

/// <summary>What the command of one task writes to its standard error: <c>&lt;tasks&gt;.logs/&lt;id&gt;.log</c>, made with the first byte.</summary>
internal sealed class TaskLog(string folder, string id)
{
    private const int LongestName = 100;
    private const int MostBytes = 64 * 1024 * 1024;
    private const int TailBytes = 2048;

    private long _written;
    private byte[] _tail = [];

    public string Path { get; } = System.IO.Path.Combine(folder, NameOf(id) + ".log");

    public bool Exists => _written > 0;

    /// <summary>The last line that was written. Null: none was.</summary>
    public string? LastLine
    {
        get
        {
            var lines = Encoding.UTF8.GetString(_tail).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            return lines.Length == 0 ? null : lines[^1].Length > 300 ? lines[^1][..300] + "…" : lines[^1];
        }
    }

    /// <param name="source">Read to its end, also beyond what is kept.</param>
    /// <param name="attempt">From 1; the first begins the file anew.</param>
    public async Task ReadAsync(Stream source, int attempt)
    {
        FileStream? file = null;
        Exception? fault = null;
        try
        {
            _tail = [];
            var buffer = new byte[16 * 1024];
            for (int read; (read = await source.ReadAsync(buffer)) > 0;)
            {
                Remember(buffer.AsSpan(0, read));
                if (_written >= MostBytes || fault is not null)
                    continue;
                try
                {
                    file ??= Open(attempt);
                    await file.WriteAsync(buffer.AsMemory(0, read));
                    if ((_written += read) >= MostBytes)
                        await file.WriteAsync(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\n--- cut: a log holds {MostBytes >> 20} MB\n")));
                }
                catch (Exception full) when (full is IOException or UnauthorizedAccessException)
                {
                    // The command must not hang because its words cannot be kept.
                    fault = full;
                }
            }

            if (fault is not null)
                throw new IOException($"{Path} cannot be written: {fault.Message}", fault);
        }
        finally
        {
            if (file is not null)
                await file.DisposeAsync();
        }
    }

    /// <summary>The id where it is a good name for a file, else what is left of it and a part of its hash.</summary>
    internal static string NameOf(string id)
    {
        if (id.Length <= LongestName && id[0] is not ('.' or '-') && id.All(IsPlain))
            return id;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..12];
        var left = new string([.. id.Take(60).Select(c => IsPlain(c) ? c : '_')]).TrimStart('.', '-');
        return left.Length == 0 ? hash : $"{left}-{hash}";
    }

    private static bool IsPlain(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-';

    private FileStream Open(int attempt)
    {
        Directory.CreateDirectory(folder);
        var file = new FileStream(Path, attempt == 1 ? FileMode.Create : FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        if (attempt > 1)
            file.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"--- attempt {attempt}\n")));
        return file;
    }

    private void Remember(ReadOnlySpan<byte> bytes)
    {
        var kept = Math.Min(_tail.Length, Math.Max(0, TailBytes - bytes.Length));
        _tail = [.. _tail.AsSpan(_tail.Length - kept), .. bytes[Math.Max(0, bytes.Length - TailBytes)..]];
    }
}
