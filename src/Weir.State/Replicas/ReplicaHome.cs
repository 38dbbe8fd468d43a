using System.Security.Cryptography;
using System.Text;
using Weir.State.Files;

namespace Weir.State.Replicas;

/// <summary>
/// The lasting name of a replica: the file <c>replica.id</c> of its data folder, made once. One process holds it at a time; the operating system lets it go
/// when that process dies.
/// </summary>
public sealed class ReplicaHome : IDisposable
{
    internal const string FileName = "replica.id";

    private const int Length = 8;

    // No letters that are taken for others; all of it may stand in an id and an address.
    private const string Letters = "0123456789abcdefghjkmnpqrstvwxyz";

    private readonly FileStream? _held;

    private ReplicaHome(string name, FileStream? held, string? warning) => (Name, _held, Warning) = (name, held, warning);

    /// <summary>8 letters and digits.</summary>
    public string Name { get; }

    /// <summary>Why the name is this run's alone, for an operator. Null: it lasts, or there is no folder that it could last in.</summary>
    public string? Warning { get; }

    /// <param name="folder">The data folder. Null: nothing lasts, and the name is drawn anew.</param>
    public static ReplicaHome Open(string? folder)
    {
        if (folder is null)
            return new ReplicaHome(Draw(), null, null);
        var path = Path.Combine(Path.GetFullPath(folder), FileName);
        FileStream? file = null;
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            else
                Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            file = new FileStream(path, Options());
            var name = Read(file);
            if (name.Length == 0)
            {
                name = Draw();
                file.Write(Encoding.ASCII.GetBytes(name));
                file.Flush(flushToDisk: true);
                DurableFile.FlushEntry(path);
            }

            if (IsName(name))
                return new ReplicaHome(name, file, null);
            file.Dispose();
            return new ReplicaHome(Draw(), null, $"{path} does not hold the name of a replica: delete it, and one is made. Until then this replica finds nothing again that it had before a restart.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            return new ReplicaHome(
                Draw(), null, $"{path} cannot be used ({fault.Message}): give each replica a folder of its own with --data. Until then this one finds nothing again that it had before a restart.");
        }
    }

    public void Dispose() => _held?.Dispose();

    private static FileStreamOptions Options()
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return options;
    }

    // Empty where the process that made the file died before it had written.
    private static string Read(FileStream file)
    {
        Span<byte> start = stackalloc byte[64];
        return Encoding.UTF8.GetString(start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]).Trim();
    }

    private static bool IsName(string name) => name.Length == Length && name.All(Letters.Contains);

    private static string Draw() => RandomNumberGenerator.GetString(Letters, Length);
}
