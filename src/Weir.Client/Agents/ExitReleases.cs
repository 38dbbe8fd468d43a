using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Weir.Client;

/// <summary>Gives back what is still held when the process exits, or before that when its client is disposed, so that the next worker need not wait for a ttl.</summary>
internal static class ExitReleases
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(2);
    private static readonly ConcurrentDictionary<AgentLease, bool> Held = new();
    private static readonly Lazy<PosixSignalRegistration[]> Registrations = new(Register);

    /// <summary>From now on exits and signals are heard. Signal handlers run from the last to the first: the earlier this is, the more of the others have been heard.</summary>
    public static void Arm() => _ = Registrations.Value;

    public static void Add(AgentLease lease) => Held[lease] = true;

    public static void Remove(AgentLease lease) => Held.TryRemove(lease, out _);

    /// <summary>All at once; what takes longer ends by its ttl.</summary>
    internal static void ReleaseAll()
    {
        try
        {
            Task.WhenAll(Held.Keys.Select(lease => lease.ReleaseAsync())).Wait(Within);
        }
        catch (AggregateException)
        {
            // The process ends: there is nobody to tell.
        }
    }

    /// <summary>The same of what is held through one client, while that still has its connections.</summary>
    public static async Task ReleaseOfAsync(WeirClient client)
    {
        var held = Held.Keys.Where(lease => lease.IsHeldThrough(client)).Select(lease => lease.ReleaseAsync()).ToList();
        try
        {
            await Task.WhenAll(held).WaitAsync(Within, client.Time).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is WeirException or TimeoutException or OperationCanceledException or InvalidOperationException)
        {
            // They end by their ttl.
        }
    }

    private static PosixSignalRegistration[] Register()
    {
        AppDomain.CurrentDomain.ProcessExit += (_, _) => ReleaseAll();
        // A crash has no exit.
        AppDomain.CurrentDomain.UnhandledException += (_, _) => ReleaseAll();
        // A browser has no signals, and neither have phones.
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS() && !OperatingSystem.IsWindows())
            return [];
        return [.. ((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT]).Select(signal => PosixSignalRegistration.Create(signal, Received))];
    }

    private static void Received(PosixSignalContext context)
    {
        // Somebody else has said that the process goes on, and will end it in its own way.
        if (!context.Cancel)
            ReleaseAll();
    }
}
