using System.Runtime.InteropServices;

namespace Weir.Cli.Run.Execution;

/// <summary>What the operating system has no managed name for.</summary>
internal static partial class Native
{
    public const int Terminate = 15;
    public const int Kill = 9;
    public const int Stop = 19;

    private const int ChildSubreaper = 36;
    private const int DoNotHang = 1;

    /// <summary>Below 0: the process group of that number. A process that is gone is no error.</summary>
    public static void Signal(int process, int signal) => _ = SendSignal(process, signal);

    /// <summary>From now on, what the children leave behind becomes this process's own children, on Linux.</summary>
    public static void AdoptOrphans()
    {
        if (OperatingSystem.IsLinux())
            _ = Control(ChildSubreaper, 1, 0, 0, 0);
    }

    /// <summary>Takes the entry of an ended child out of the table of processes.</summary>
    public static void Reap(int process) => _ = Wait(process, out _, DoNotHang);

    /// <summary>Makes a new name in a folder outlive a power cut. Windows flushes the entry with the file.</summary>
    /// <exception cref="IOException">The folder cannot be flushed.</exception>
    public static void FlushFolderOf(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var descriptor = Open(folder, 0);
        if (descriptor < 0)
            throw new IOException($"The folder {folder} cannot be opened to flush it (error {Marshal.GetLastPInvokeError()}).");
        try
        {
            if (Flush(descriptor) != 0)
                throw new IOException($"The folder {folder} cannot be flushed (error {Marshal.GetLastPInvokeError()}).");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int SendSignal(int process, int signal);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Control(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Wait(int process, out int status, int options);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Close(int descriptor);
}
