using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>Whether desktops can be made on this machine, and what to install where they cannot.</summary>
internal static class SandboxSupport
{
    private static readonly string[] Folders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

    private static readonly (string Program, string Package)[] Always =
        [("/usr/bin/python3", "python3"), ("Xvfb", "xvfb"), ("openbox", "openbox"), ("xdotool", "xdotool"), ("setpriv", "util-linux"), ("setsid", "util-linux"), ("flock", "util-linux")];

    // Without these a desktop stands, but has no accessibility tree.
    private static readonly (string Path, string Package)[] Accessible =
        [("/usr/bin/dbus-daemon", "dbus"), ("/usr/libexec/at-spi-bus-launcher", "at-spi2-core"), ("/usr/lib/python3/dist-packages/pyatspi", "python3-pyatspi")];

    /// <summary>The Debian packages that a desktop of this plan lacks here, those for the accessibility tree too.</summary>
    public static IReadOnlyList<string> MissingPackages(SandboxPlan plan) =>
    [
        .. Needed(plan).Where(need => !Exists(need.Program)).Select(need => need.Package)
            .Concat(Accessible.Where(need => !Path.Exists(need.Path)).Select(need => need.Package))
            .Concat(HasFonts() ? [] : ["fonts-dejavu-core"]).Where(package => package.Length > 0).Distinct().Order(StringComparer.Ordinal),
    ];

    /// <summary>Why no desktop of this plan can be made here, with what to do. Null: one can.</summary>
    public static async Task<string?> FaultOfAsync(SandboxPlan plan, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
            return "Desktops need Linux.";
        if (Needed(plan).Where(need => !Exists(need.Program)).ToArray() is { Length: > 0 } missing)
        {
            var packages = string.Join(' ', MissingPackages(plan));
            return $"Not installed: {string.Join(", ", missing.Select(need => need.Program))}." + (packages.Length > 0 ? $" As root: apt-get update && apt-get install -y --no-install-recommends {packages}" : "");
        }

        return plan.Isolation == DesktopIsolation.None ? null : await TryAsync(plan, time, cancellationToken).ConfigureAwait(false);
    }

    private static IEnumerable<(string Program, string Package)> Needed(SandboxPlan plan)
    {
        var needed = Always.AsEnumerable();
        if (plan.Isolation == DesktopIsolation.Sandbox)
        {
            needed = needed.Append(("bwrap", "bubblewrap"));
            if (plan.Network == DesktopNetwork.Nat)
                needed = needed.Append(("slirp4netns", "slirp4netns")).Append(("nsenter", "util-linux"));
        }

        // Most programs are called what their package is; of one that is named by its path, nobody knows.
        var program = plan.Program.Command[0];
        return needed.Append((program, program.Contains('/', StringComparison.Ordinal) ? "" : program));
    }

    private static async Task<string?> TryAsync(SandboxPlan plan, TimeProvider time, CancellationToken cancellationToken)
    {
        if (OuterUser.Of("trial") is < 0)
            return "This program is root, and there is no user id here that desktops could have instead: run it as another user.";
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(15), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            using var trial = ScriptProcess.Start(Script.Run, "/", SandboxCommand.Trial(OuterUser.Of("trial")));
            trial.Input.Close();
            var errors = await trial.RestAsync(either.Token).ConfigureAwait(false);
            if (await trial.ExitAsync(either.Token).ConfigureAwait(false) == 0)
                return plan.Network == DesktopNetwork.Nat ? FaultOfTunnel() : null;
            return $"No sandbox can be made here ({errors}). Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0; "
                + "in a container: a seccomp profile that allows unshare), or set isolation: none where programs of a desktop are trusted with this machine.";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "A sandbox was tried and did not end within 15 s.";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return "No process can be started: " + e.Message;
        }
    }

    private static string? FaultOfTunnel()
    {
        const string Device = "/dev/net/tun";
        try
        {
            File.OpenHandle(Device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{Device}, which a desktop's network needs, cannot be opened ({e.Message}) Load the module tun, let this user open it (chmod 666, as udev does), hand it to this container, or set network: none.";
        }
    }

    /// <summary>Where a program is, links not followed. Null: nowhere.</summary>
    public static string? Find(string program) => program.StartsWith('/')
        ? File.Exists(program) ? program : null
        : Folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static bool Exists(string program) => Find(program) is not null;

    private static bool HasFonts() => Directory.Exists("/usr/share/fonts") && Directory.EnumerateFiles("/usr/share/fonts", "*", SearchOption.AllDirectories).Any();
}
