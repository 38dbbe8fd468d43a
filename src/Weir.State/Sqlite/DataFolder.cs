using System.Globalization;
using Weir.State.Files;

namespace Weir.State.Sqlite;

/// <summary>The folder of the embedded store, held by one process. The operating system frees the lock when that process dies.</summary>
internal sealed class DataFolder : IDisposable
{
    // What Weir keeps there besides its databases; an earlier version left these open to others.
    private static readonly string[] Known = ["lock", "lock.pid", "replica.id", "admin.key", "blobs", "logs", "desktops"];

    private readonly FileStream _lock;

    private DataFolder(string path, FileStream held) => (Path, _lock) = (path, held);

    public string Path { get; }

    /// <exception cref="StoreUnavailableException">It cannot be made or written, or another process holds it.</exception>
    public static DataFolder Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            // It holds key hashes and users' data: when it is made here, it is its owner's alone.
            OwnerOnly.MakeFolder(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"The data folder {path} cannot be made: {e.Message} Choose another with --data, or give this user the right to write there.", e);
        }

        var owner = System.IO.Path.Combine(path, "lock.pid");
        FileStream held;
        try
        {
            held = new FileStream(System.IO.Path.Combine(path, "lock"), OwnerOnly.Options(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StoreUnavailableException($"The data folder {path} cannot be written by this user. Choose another with --data, or change its owner.", e);
        }
        catch (IOException e)
        {
            throw new StoreUnavailableException($"The data folder {path} is in use{Holder(owner)}. Stop that process, or choose another folder with --data. ({e.Message})", e);
        }

        try
        {
            using (var writer = new StreamWriter(owner, OwnerOnly.Options(FileMode.Create, FileAccess.Write, FileShare.Read)))
                writer.Write(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            foreach (var name in Known)
                OwnerOnly.Close(System.IO.Path.Combine(path, name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held.Dispose();
            throw new StoreUnavailableException($"The data folder {path} cannot be written: {e.Message}", e);
        }

        return new DataFolder(path, held);
    }

    public void Dispose() => _lock.Dispose();

    private static string Holder(string path)
    {
        try
        {
            return $" by process {File.ReadAllText(path).Trim()}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return " by another process";
        }
    }
}
