using System.Text.RegularExpressions;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>The folder of desktops, held by one process; one folder in it for each.</summary>
internal sealed partial class SandboxFolder : IDisposable
{
    private readonly FileStream _lock;

    private SandboxFolder(string path, FileStream held) => (Path, _lock) = (path, held);

    public string Path { get; }

    /// <summary>The desktops that have a folder, whether or not they stand.</summary>
    public IEnumerable<string> Instances => Directory.EnumerateDirectories(Path).Select(folder => System.IO.Path.GetFileName(folder)!);

    /// <exception cref="IOException">Another process holds it, or it cannot be made.</exception>
    public static SandboxFolder Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            MakeOwn(path);
            return new SandboxFolder(path, new FileStream(System.IO.Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The folder of desktops {path} cannot be used: {e.Message} Each replica needs a data folder of its own.", e);
        }
    }

    /// <summary>Whether an instance's id can be a folder's name, and no other folder's.</summary>
    public static bool IsName(string instance) => Name().IsMatch(instance);

    public string Of(string instance) => System.IO.Path.Combine(Path, instance);

    public string Make(string instance)
    {
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

    private static void MakeOwn(string folder)
    {
        if (OperatingSystem.IsWindows())
            throw new IOException("Desktops need Linux.");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public void Dispose() => _lock.Dispose();

    [GeneratedRegex(@"\A[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex Name();
}
