using System.Globalization;
using System.Runtime.InteropServices;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>
/// A handle to a file inside a sandbox. Programs in there may put links where files were: none is followed on the way, so the file is inside or there is none.
/// </summary>
internal sealed partial class InnerFile : IDisposable
{
    private int _handle;

    private InnerFile(int handle) => _handle = handle;

    /// <summary>A path that leads to that very file, and is short enough for the address of a unix socket. Only in this process, until it is disposed.</summary>
    public string Path => string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{_handle}");

    /// <param name="root">The folder that counts as its root: <c>/proc/PID/root</c> of a process inside, or <c>/</c>.</param>
    /// <param name="path">From there, absolute.</param>
    /// <returns>Null: it is not there, or a link is on the way.</returns>
    public static InnerFile? Open(string root, string path)
    {
        var folder = OpenFolder(root, PathOnly | Folder | CloseOnExec, 0);
        if (folder < 0)
            return null;
        try
        {
            var how = new OpenHow { Flags = PathOnly | CloseOnExec, Resolve = Beneath | NoLinks | NoMagicLinks };
            var handle = (int)OpenBeneath(OpenAt2, folder, path.TrimStart('/'), ref how, Marshal.SizeOf<OpenHow>());
            return handle < 0 ? null : new InnerFile(handle);
        }
        finally
        {
            _ = Close(folder);
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _handle, -1) is var handle and >= 0)
            _ = Close(handle);
    }

    private const int PathOnly = 0x200000;
    private const int CloseOnExec = 0x80000;
    // O_DIRECTORY differs between architectures.
    private static readonly int Folder = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x4000 : 0x10000;
    private const ulong NoMagicLinks = 2;
    private const ulong NoLinks = 4;
    private const ulong Beneath = 8;
    private const nint OpenAt2 = 437;

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int OpenFolder(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint OpenBeneath(nint call, int folder, string path, ref OpenHow how, nint size);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Close(int handle);
}
