using System.Globalization;
using System.Runtime.InteropServices;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>A process that cannot be mistaken for a later one of the same number.</summary>
/// <param name="Pid">Its number, as this process sees it.</param>
/// <param name="Start">When it began, in ticks since the machine did.</param>
internal readonly partial record struct ProcessIdentity(int Pid, long Start)
{
    private const int SignalKill = 9;
    private const int SignalTerminate = 15;

    /// <summary>The identity of a process that runs now. Null: there is none of that number, or it has ended and nobody has asked how.</summary>
    public static ProcessIdentity? Of(int pid)
    {
        try
        {
            return StartOf(File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"))) is { } start ? new ProcessIdentity(pid, start) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The start time in a line of <c>/proc/PID/stat</c> (proc(5), field 22). Null: the process has ended, or this is no such line.</summary>
    public static long? StartOf(string stat)
    {
        // The name, in brackets, may hold brackets and spaces of its own.
        var rest = stat.AsSpan(stat.LastIndexOf(')') + 1).Trim();
        if (rest.Length == 0 || rest[0] is 'Z' or 'X')
            return null;
        var field = 3;
        foreach (var piece in rest.Split(' '))
        {
            if (field++ == 22)
                return long.TryParse(rest[piece], NumberStyles.None, CultureInfo.InvariantCulture, out var start) ? start : null;
        }

        return null;
    }

    public bool IsAlive => Of(Pid) == this;

    /// <summary>Ends it now, whatever it would rather do.</summary>
    public void Kill() => Send(SignalKill);

    /// <summary>Asks it to end.</summary>
    public void Terminate() => Send(SignalTerminate);

    /// <summary>Ends it and its process group, whose leader it is.</summary>
    public void KillGroup()
    {
        if (IsAlive)
            _ = KillProcess(-Pid, SignalKill);
        Kill();
    }

    /// <summary>A handle names the process that had the number when it was opened, so that none can take its place between look and signal.</summary>
    private void Send(int signal)
    {
        var handle = OpenHandle(PidfdOpen, Pid, 0);
        if (handle < 0)
        {
            // A kernel before 5.3 has no handles.
            if (IsAlive)
                _ = KillProcess(Pid, signal);
            return;
        }

        if (IsAlive)
            _ = SignalHandle(PidfdSendSignal, (int)handle, signal, 0, 0);
        _ = Close((int)handle);
    }

    // The same numbers on every architecture.
    private const nint PidfdOpen = 434;
    private const nint PidfdSendSignal = 424;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint OpenHandle(nint call, int pid, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint SignalHandle(nint call, int handle, int signal, nint info, uint flags);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int KillProcess(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Close(int handle);
}
