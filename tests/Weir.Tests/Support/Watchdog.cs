using System.Diagnostics;

namespace Weir.Tests.Support;

/// <summary>
/// Kills a child process, and removes its folder, when the test process dies without having done so: it waits at the end of a pipe
/// that the system closes then. (A signal at the parent's death would not do: it comes at the death of the thread that started the child.)
/// </summary>
internal sealed class Watchdog : IDisposable
{
    private readonly Process? _process;

    public Watchdog(Process child, string? folder = null)
    {
        if (OperatingSystem.IsWindows())
            return;
        var info = new ProcessStartInfo("/bin/sh")
        {
            // An interrupt at the terminal reaches it too, and must not end it before its work is done.
            ArgumentList = { "-c", "trap '' INT TERM HUP; read -r _; kill -9 \"$1\"; [ -z \"$2\" ] || rm -rf \"$2\"", "watchdog", $"{child.Id}", folder ?? "" },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(info);
    }

    /// <summary>The child has ended, or is about to: it is no longer watched.</summary>
    public void Dispose()
    {
        if (_process is null)
            return;
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
