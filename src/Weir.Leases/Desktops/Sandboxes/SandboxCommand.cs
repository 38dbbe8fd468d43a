using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>The commands that make a sandbox, as arguments: what stands in it, who it is, and what it does not see.</summary>
internal static class SandboxCommand
{
    private const int User = 1000;
    private const string HomeBytes = "1073741824";
    private const string TemporaryBytes = "536870912";
    private const string SharedBytes = "536870912";
    private const string RunBytes = "33554432";
    private const string ConfigurationBytes = "4194304";
    private const string CoverBytes = "4096";
    private const string FontCache = "/var/cache/fontconfig";

    /// <summary>The folder inside that holds what the desktop is asked over.</summary>
    public const string RunFolder = "/run/user/1000";

    // Of the machine's configuration only what is public and says how to show things; the rest a program inside writes for itself.
    private static readonly string[] Configuration =
    [
        "/etc/fonts", "/etc/alternatives", "/etc/X11", "/etc/xdg", "/etc/chromium", "/etc/chromium.d", "/etc/firefox", "/etc/firefox-esr", "/etc/ssl/certs", "/etc/ca-certificates", "/etc/pki/tls/certs",
        "/etc/at-spi2", "/etc/dbus-1", "/etc/gtk-2.0", "/etc/gtk-3.0", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/protocols", "/etc/services",
    ];

    // Whatever distribution: what is a folder of its own there, is one here.
    private static readonly string[] Merged = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

    /// <summary>The command that runs <c>desktop.py</c>, which is open as descriptor 3, and tells its status on 4; 5 is open as long as it stands, 8 is the lock that tells it when to end.</summary>
    /// <param name="outerUser">Who it is outside. Null: whoever this program is.</param>
    /// <param name="hidden">Folders of the machine that are empty inside, wherever they would be seen; without links in their paths.</param>
    /// <param name="vendor">The one folder of <c>/opt</c> that is seen inside. Null: none.</param>
    public static IReadOnlyList<string> Sandboxed(int? outerUser, IReadOnlyList<string> hidden, string? vendor) =>
    [
        .. As(outerUser), .. Walls(), .. vendor is null ? Array.Empty<string>() : ["--ro-bind", vendor, vendor], .. Covers(outerUser, hidden, vendor), "--size", RunBytes, "--tmpfs", "/run", "--file", "3", "/run/desktop.py", "--remount-ro", "/",
        "--chdir", "/home/user", "--json-status-fd", "4", "--sync-fd", "5", "--", "/usr/bin/python3", "-I", "-B", "/run/desktop.py",
    ];

    /// <summary>A sandbox in which nothing is done: whether one can be made here.</summary>
    public static IReadOnlyList<string> Trial(int? outerUser) => [.. As(outerUser), .. Walls(), "--", "/usr/bin/true"];

    /// <summary>The same without walls.</summary>
    public static IReadOnlyList<string> Bare(int? outerUser) => [.. As(outerUser), "/usr/bin/python3", "-I", "-B", "/proc/self/fd/3"];

    /// <summary>The command that gives the network namespace of a process a way out that does not lead to this machine's loopback.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="owner">A path to the user namespace that owns it. Null: this program is root and needs none.</param>
    public static IReadOnlyList<string> Network(int pid, string? owner) =>
    [
        // It has to be root of that namespace before it begins: told of it by an option of its own, it could not make its sandbox.
        .. owner is null ? Array.Empty<string>() : ["nsenter", "--preserve-credentials", $"--user={owner}", "--"], "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox", "--enable-seccomp", "--exit-fd=6", "--ready-fd=7",
        "--netns-type=path", string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/ns/net"), "tap0",
    ];

    /// <summary>The line that <c>desktop.py</c> waits for.</summary>
    public static string Settings(string instance, SandboxPlan plan, string cookie, string machine)
    {
        var sandboxed = plan.Isolation == DesktopIsolation.Sandbox;
        var bare = BareFolder(instance);
        return new JsonObject
        {
            ["folder"] = RunFolderOf(instance, plan.Isolation),
            ["home"] = sandboxed ? "/home/user" : bare + "/home",
            ["temporary"] = sandboxed ? "/tmp" : bare + "/tmp",
            ["sandboxed"] = sandboxed,
            ["cookie"] = cookie,
            ["program"] = new JsonArray([.. plan.Program.Command.Select(word => (JsonNode)word)]),
            ["blank"] = plan.Program.Blank,
            ["width"] = plan.Width,
            ["height"] = plan.Height,
            ["files"] = sandboxed ? Files(plan.Network, machine) : new JsonObject(),
        }.ToJsonString(JsonSerializerOptions.Default);
    }

    public static string RunFolderOf(string instance, DesktopIsolation isolation) => isolation == DesktopIsolation.Sandbox ? RunFolder : BareFolder(instance) + "/run";

    /// <summary>Everything that a desktop without walls keeps, where its user can reach it.</summary>
    public static string BareFolder(string instance) => "/tmp/weir-desktop-" + instance;

    private static string[] As(int? outerUser) => outerUser is { } user
        ? [.. Setpriv, string.Create(CultureInfo.InvariantCulture, $"--reuid={user}"), string.Create(CultureInfo.InvariantCulture, $"--regid={user}"), "--clear-groups"]
        : Setpriv;

    private static readonly string[] Setpriv = ["setpriv", "--no-new-privs", "--inh-caps=-all"];

    private static List<string> Walls()
    {
        List<string> walls =
        [
            "bwrap", "--unshare-all", "--unshare-user", "--uid", $"{User}", "--gid", $"{User}", "--hostname", "desktop", "--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8",
            "--new-session", "--cap-drop", "ALL", "--ro-bind", "/usr", "/usr",
        ];
        foreach (var name in Merged)
        {
            if (new DirectoryInfo("/" + name) is { Exists: true } folder)
                walls.AddRange(folder.LinkTarget is { } target ? ["--symlink", target, "/" + name] : ["--ro-bind", "/" + name, "/" + name]);
        }

        walls.AddRange(["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", SharedBytes, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
        walls.AddRange(["--size", ConfigurationBytes, "--tmpfs", "/etc"]);
        foreach (var path in Configuration)
            walls.AddRange(["--ro-bind-try", path, path]);
        walls.AddRange(["--ro-bind-try", FontCache, FontCache]);
        walls.AddRange(["--perms", "1777", "--size", TemporaryBytes, "--tmpfs", "/tmp", "--perms", "1777", "--dir", "/tmp/.X11-unix", "--symlink", "/tmp", "/var/tmp"]);
        walls.AddRange(["--perms", "0700", "--size", HomeBytes, "--tmpfs", "/home/user"]);
        return walls;
    }

    /// <summary>After all that is bound: the last mount is the one that is seen.</summary>
    private static List<string> Covers(int? outerUser, IReadOnlyList<string> hidden, string? vendor)
    {
        var covers = new List<string>();
        var bound = Merged.Select(name => "/" + name).Where(path => new DirectoryInfo(path).LinkTarget is null).Concat(Configuration).Append("/usr").Append(FontCache).Concat(vendor is null ? [] : [vendor]);
        foreach (var path in HiddenFolders.Inside(hidden, bound, asOther: outerUser is not null))
            covers.AddRange(["--size", CoverBytes, "--tmpfs", path, "--remount-ro", path]);
        return covers;
    }

    private static JsonObject Files(DesktopNetwork network, string machine) => new()
    {
        ["/etc/passwd"] = $"root:x:0:0:root:/root:/usr/sbin/nologin\nuser:x:{User}:{User}:user:/home/user:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        ["/etc/group"] = $"root:x:0:\nuser:x:{User}:\nnogroup:x:65534:\n",
        ["/etc/hosts"] = "127.0.0.1 localhost desktop\n::1 localhost\n",
        ["/etc/hostname"] = "desktop\n",
        ["/etc/nsswitch.conf"] = "passwd: files\ngroup: files\nhosts: files dns\n",
        // The resolver that slirp4netns offers, which asks this machine's own.
        ["/etc/resolv.conf"] = network == DesktopNetwork.Nat ? "nameserver 10.0.2.3\n" : "",
        ["/etc/machine-id"] = machine + "\n",
    };
}
