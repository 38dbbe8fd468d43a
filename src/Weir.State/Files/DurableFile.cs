using System.Runtime.InteropServices;

namespace Weir.State.Files;

/// <summary>What it takes that a file survives a power cut: its bytes and the folder's entry are both flushed.</summary>
public static partial class DurableFile
{
    private const int ReadOnly = 0;

    /// <summary>Makes the file appear under its name whole, or not at all; its bytes are flushed by whoever wrote them.</summary>
    /// <exception cref="IOException">It cannot be moved, or the folder cannot be flushed.</exception>
    public static void Publish(string temporary, string path)
    {
        File.Move(temporary, path, overwrite: true);
        FlushEntry(path);
    }

    /// <summary>Makes a folder that only its owner may enter, where it is missing.</summary>
    internal static void MakeFolder(string path)
    {
        if (Directory.Exists(path))
            return;
        OwnerOnly.MakeFolder(path);
        FlushEntry(path);
    }

    /// <summary>Makes a name that is new in its folder, or is gone from it, so after a power cut too. Windows flushes the entry with the file.</summary>
    /// <exception cref="IOException">The folder cannot be flushed.</exception>
    public static void FlushEntry(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var descriptor = Open(folder, ReadOnly);
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
