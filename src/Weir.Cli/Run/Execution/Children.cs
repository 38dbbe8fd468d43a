using System.Diagnostics;

namespace Weir.Cli.Run.Execution;

/// <summary>
/// The processes that this one started. What it adopted beside them it must reap itself, and must not mistake a child that has just been started for such a
/// one: so starting and reaping exclude each other.
/// </summary>
internal static class Children
{
    private static readonly Lock Sync = new();
    private static readonly HashSet<int> Own = [];

    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be started.</exception>
    public static Process Start(ProcessStartInfo start)
    {
        lock (Sync)
        {
            var process = Process.Start(start)!;
            Own.Add(process.Id);
            return process;
        }
    }

    /// <summary>Once its exit was seen: its number may be given to another.</summary>
    public static void Forget(int process)
    {
        lock (Sync)
            Own.Remove(process);
    }

    public static void ReapAdopted()
    {
        var ended = ProcessTable.Read().FindAll(entry => entry.IsZombie && entry.Parent == Environment.ProcessId);
        if (ended.Count == 0)
            return;
        lock (Sync)
        {
            foreach (var entry in ended.Where(entry => !Own.Contains(entry.Id)))
                Native.Reap(entry.Id);
        }
    }
}
