using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>Makes the network of a sandbox whose walls stand, in which nothing of the desktop has begun.</summary>
/// <returns>The process that it ends with, or why there is none.</returns>
internal delegate Task<(ProcessIdentity? Network, string? Fault)> NetworkAttachment(string folder, ProcessIdentity first, CancellationToken cancellationToken);

/// <summary>Gives a sandbox a way to the network through a process of its own, which ends with the sandbox.</summary>
internal static partial class SandboxNetwork
{
    /// <param name="folder">The sandbox's.</param>
    /// <param name="first">Its first process, whose network namespace has nothing but a loopback.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<(ProcessIdentity? Network, string? Fault)> AttachAsync(string folder, ProcessIdentity first, CancellationToken cancellationToken)
    {
        using var owner = Environment.IsPrivilegedProcess ? null : OwnerOf(first.Pid);
        // Open in this process, and so the process of the same user can reach it here.
        var path = owner is null ? null : string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{owner.DangerousGetHandle()}");
        using var process = ScriptProcess.Start(Script.Network, folder, SandboxCommand.Network(first.Pid, path));
        var identity = ProcessIdentity.Of(process.Pid);
        // One byte, without an end of line.
        if (identity is not null && await process.CharacterAsync(cancellationToken).ConfigureAwait(false) == '1')
            return (identity, null);
        identity?.Kill();
        var log = Path.Combine(folder, "network.log");
        return (null, "The desktop's network was not made: " + (File.Exists(log) ? Tail(File.ReadAllText(log)) : "slirp4netns did not start."));
    }

    private static string Tail(string text) => text.Trim() is var trimmed && trimmed.Length > 1000 ? trimmed[^1000..] : trimmed;

    /// <summary>
    /// The user namespace that owns a process's network namespace. It is not the process's own: bubblewrap makes a second one inside, without rights over the first's.
    /// </summary>
    private static SafeFileHandle? OwnerOf(int pid)
    {
        using var network = File.OpenHandle(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/ns/net"));
        var handle = Control(network, OwningUserNamespace, 0);
        return handle < 0 ? null : new SafeFileHandle(handle, ownsHandle: true);
    }

    // NS_GET_USERNS of ioctl_ns(2).
    private const nuint OwningUserNamespace = 0xB701;

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Control(SafeFileHandle handle, nuint request, nint argument);
}
