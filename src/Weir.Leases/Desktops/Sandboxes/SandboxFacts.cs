using System.Globalization;
using System.Text;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>
/// What is remembered of a sandbox in its folder, so that whoever finds the folder can take it over or end it: this program after a restart, or the guard, which
/// is a shell script and reads the lines <c>boot ID</c> and <c>process PID START SIGNAL</c>.
/// </summary>
internal sealed record SandboxFacts
{
    public const string FileName = "facts";

    /// <summary>The run of the machine's system that its processes are of.</summary>
    public required string Boot { get; init; }

    /// <summary>The one that all others end with.</summary>
    public required ProcessIdentity First { get; init; }

    /// <summary>What gives it a network. Null: nothing does.</summary>
    public ProcessIdentity? Network { get; init; }

    public required DesktopIsolation Isolation { get; init; }

    /// <summary>The X server's number. Negative: it does not serve yet.</summary>
    public int Display { get; init; } = -1;

    public required int Width { get; init; }

    public required int Height { get; init; }

    /// <summary>In hexadecimal digits; a secret.</summary>
    public required string Cookie { get; init; }

    public static string CurrentBoot()
    {
        const string Path = "/proc/sys/kernel/random/boot_id";
        return File.Exists(Path) ? File.ReadAllText(Path).Trim() : "";
    }

    /// <summary>Whether it is the sandbox that these facts were written for.</summary>
    public bool IsAlive => Boot == CurrentBoot() && First.IsAlive;

    public string Write()
    {
        var text = new StringBuilder();
        void Line(string name, params object[] values) => text.Append(name).Append(' ').AppendJoin(' ', values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture))).Append('\n');
        Line("boot", Boot);
        Line("process", First.Pid, First.Start, Isolation == DesktopIsolation.None ? "TERM" : "KILL");
        if (Network is { } network)
            Line("process", network.Pid, network.Start, "KILL");
        Line("isolation", Isolation);
        Line("display", Display);
        Line("size", Width, Height);
        Line("cookie", Cookie);
        return text.ToString();
    }

    /// <returns>Null: it is not whole.</returns>
    public static SandboxFacts? Read(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).ToArray();
        string[]? Values(string name, int count) => Array.Find(lines, line => line[0] == name && line.Length > count);
        var processes = lines.Where(line => line[0] == "process" && line.Length == 4).Select(Identity).ToArray();
        if (Values("boot", 1) is not { } boot || Values("isolation", 1) is not { } mode || Values("display", 1) is not { } display || Values("size", 2) is not { } size || Values("cookie", 1) is not { } cookie
            || processes.Length == 0 || processes.Contains(null) || !Enum.TryParse<DesktopIsolation>(mode[1], out var isolation)
            || !Number(display[1], out var number) || !Number(size[1], out var width) || !Number(size[2], out var height))
        {
            return null;
        }

        return new SandboxFacts
        {
            Boot = boot[1], First = processes[0]!.Value, Network = processes.ElementAtOrDefault(1), Isolation = isolation, Display = number, Width = width, Height = height, Cookie = cookie[1],
        };
    }

    private static ProcessIdentity? Identity(string[] line) =>
        Number(line[1], out var pid) && long.TryParse(line[2], NumberStyles.None, CultureInfo.InvariantCulture, out var start) ? new ProcessIdentity(pid, start) : null;

    private static bool Number(string text, out int number) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
}
