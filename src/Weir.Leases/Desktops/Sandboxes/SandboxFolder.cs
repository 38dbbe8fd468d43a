using System.Text.RegularExpressions;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>The folder of desktops, held by one process; one folder in it for each.</summary>
internal sealed partial class SandboxFolder : IDisposable
{
    private const string LifeName = "life";

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly FileStream _lock;
    private readonly FileStream _life;

    private SandboxFolder(string path, FileStream held, FileStream life) => (Path, _lock, _life) = (path, held, life);

    public string Path { get; }

    /// <summary>The desktops that have a folder, whether or not they stand.</summary>
    public IEnumerable<string> Instances => Directory.EnumerateDirectories(Path).Select(folder => System.IO.Path.GetFileName(folder)!);

    /// <exception cref="IOException">Another process holds it, or it cannot be made.</exception>
    public static async Task<SandboxFolder> OpenAsync(string path, TimeProvider time, CancellationToken cancellationToken)
    {
        FileStream? held = null;
        path = System.IO.Path.GetFullPath(path);
        try
        {
            MakeOwn(path);
            held = new FileStream(System.IO.Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var life = await LifeAsync(System.IO.Path.Combine(path, LifeName), time, cancellationToken).ConfigureAwait(false);
            (var opened, held) = (new SandboxFolder(path, held, life), null);
            return opened;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The folder of desktops {path} cannot be used: {e.Message} Each replica needs a data folder of its own.", e);
        }
        finally
        {
            held?.Dispose();
        }
    }

    /// <summary>Whether an instance's id can be a folder's name, and no other folder's.</summary>
    public static bool IsName(string instance) => Name().IsMatch(instance);

    public string Of(string instance) => System.IO.Path.Combine(Path, instance);

    /// <exception cref="IOException">It cannot be made, or the folder of all desktops is not there any more.</exception>
    public string Make(string instance)
    {
        // Whoever came after this process would not find the desktop, nor would the guard.
        if (!File.Exists(System.IO.Path.Combine(Path, LifeName)))
            throw new IOException($"The folder of desktops {Path} was removed while it was in use: start Weir again.");
        var folder = Of(instance);
        MakeOwn(folder);
        // Read by the desktop's user through an open descriptor; the folder lets nobody else in.
        File.WriteAllText(System.IO.Path.Combine(folder, Script.Desktop), Script.Read(Script.Desktop));
        return folder;
    }

    public void Write(string instance, SandboxFacts facts) => FolderFile.Write(System.IO.Path.Combine(Of(instance), SandboxFacts.FileName), facts.Write());

    /// <returns>Null: there are none, or they are not whole.</returns>
    public SandboxFacts? Read(string instance)
    {
        var file = System.IO.Path.Combine(Of(instance), SandboxFacts.FileName);
        return File.Exists(file) ? SandboxFacts.Read(File.ReadAllText(file)) : null;
    }

    public void Remove(string instance)
    {
        var folder = Of(instance);
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    /// <summary>A lock that the guard shares. Desktops wait to have it alone, which tells them that nobody is left to whom they belong; each then holds it for a moment.</summary>
    private static async Task<FileStream> LifeAsync(string path, TimeProvider time, CancellationToken cancellationToken)
    {
        const int MostTries = 50;
        for (var tries = 1; ; tries++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read);
            }
            catch (IOException) when (tries < MostTries)
            {
                await Task.Delay(Look, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static void MakeOwn(string folder)
    {
        if (OperatingSystem.IsWindows())
            throw new IOException("Desktops need Linux.");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public void Dispose()
    {
        _life.Dispose();
        _lock.Dispose();
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex Name();
}
