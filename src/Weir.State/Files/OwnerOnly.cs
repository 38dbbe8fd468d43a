namespace Weir.State.Files;

/// <summary>Files and folders of the data folder are their owner's alone: they hold secrets and users' data.</summary>
internal static class OwnerOnly
{
    private const UnixFileMode ForFiles = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode ForFolders = ForFiles | UnixFileMode.UserExecute;

    /// <summary>Makes a folder, with those above it; one that is there keeps its mode.</summary>
    public static void MakeFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, ForFolders);
    }

    /// <summary>How a file is made that is missing.</summary>
    public static FileStreamOptions Options(FileMode mode, FileAccess access, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = access, Share = share };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = ForFiles;
        return options;
    }

    /// <summary>Before SQLite opens a database: it is made, and it and what stands beside it are closed to others. What SQLite makes beside it later takes its mode.</summary>
    public static void PrepareDatabase(string path)
    {
        new FileStream(path, Options(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite)).Dispose();
        foreach (var file in new[] { path, path + "-wal", path + "-shm" })
            Close(file);
    }

    /// <summary>Takes from others what an earlier version let them have. What is another user's stays as it is.</summary>
    public static void Close(string path)
    {
        if (OperatingSystem.IsWindows() || !Path.Exists(path))
            return;
        try
        {
            File.SetUnixFileMode(path, Directory.Exists(path) ? ForFolders : ForFiles);
        }
        catch (UnauthorizedAccessException)
        {
            // The folder's own mode is told of where it lets others in.
        }
    }

    /// <summary>Whom a folder lets in besides its owner, as an octal mode. Null: nobody.</summary>
    public static string? OpenMode(string path) =>
        !OperatingSystem.IsWindows() && File.GetUnixFileMode(path) is var mode && (mode & ~ForFolders & (UnixFileMode)0x1ff) != 0 ? Convert.ToString((int)mode, 8) : null;
}
