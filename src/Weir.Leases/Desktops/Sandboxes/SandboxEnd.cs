using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>Ends desktops by what is known of their processes, never by a name.</summary>
internal static class SandboxEnd
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Asked = TimeSpan.FromSeconds(7);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    /// <summary>Returns when its processes are gone.</summary>
    /// <exception cref="TimeoutException">They are not: the system does not let go of them.</exception>
    public static async Task EndAsync(SandboxFacts facts, string instance, TimeProvider time)
    {
        if (facts.Boot != SandboxFacts.CurrentBoot())
            return;
        var began = time.GetTimestamp();
        if (facts.Isolation == DesktopIsolation.None)
        {
            // It alone knows all that descends from it, and ends that before itself.
            facts.First.Terminate();
            while (facts.First.IsAlive && time.GetElapsedTime(began) < Asked)
                await Task.Delay(Look, time).ConfigureAwait(false);
        }

        facts.First.Kill();
        facts.Network?.Kill();
        began = time.GetTimestamp();
        while (facts.First.IsAlive || facts.Network?.IsAlive == true)
        {
            if (time.GetElapsedTime(began) > Within)
                throw new TimeoutException($"The desktop {instance} has not ended within {Within.TotalSeconds:0} s of being killed.");
            await Task.Delay(Look, time).ConfigureAwait(false);
        }

        if (facts.Isolation == DesktopIsolation.None && Directory.Exists(SandboxCommand.BareFolder(instance)))
            Directory.Delete(SandboxCommand.BareFolder(instance), recursive: true);
    }
}
