using System.Runtime.InteropServices;

namespace Weir.Cli.Run.Execution;

/// <summary>What processes need of the operating system that has no managed name.</summary>
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

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int SendSignal(int process, int signal);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Control(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Wait(int process, out int status, int options);
}
