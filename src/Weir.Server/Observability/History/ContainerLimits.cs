using System.Globalization;

namespace Weir.Server.Observability.History;

/// <summary>
/// What the control groups of Linux leave to this process. The runtime's own figures do not do: it rounds half a processor up to one, so that a
/// process which uses all it may would look half idle, and it calls three quarters of a container's memory the whole.
/// </summary>
/// <param name="Cores">Processors, fractions too; null: no quota.</param>
/// <param name="Memory">Bytes; null: no limit.</param>
internal sealed record ContainerLimits(double? Cores, long? Memory)
{
    // The first version counts "none" as a number close to what a long can hold.
    private const long Unbounded = 1L << 60;

    /// <summary>The narrowest of the groups that this process is in, from its own up to the root of what it can see; nothing where there are none.</summary>
    /// <param name="root">The root of the file system.</param>
    public static ContainerLimits Read(string root = "/")
    {
        double? cores = null;
        long? memory = null;
        foreach (var folder in Folders(root))
        {
            cores = Least(cores, Quota(folder));
            memory = Least(memory, Number(Path.Combine(folder, "memory.max")) ?? Number(Path.Combine(folder, "memory.limit_in_bytes")));
        }

        return new ContainerLimits(cores, memory is < Unbounded ? memory : null);
    }

    private static T? Least<T>(T? one, T? other)
        where T : struct, IComparable<T> => one is not { } a ? other : other is not { } b || a.CompareTo(b) <= 0 ? one : other;

    // Each line is "number:controllers:path"; the second version has one, without controllers. A container sees its own group as the root.
    private static IEnumerable<string> Folders(string root)
    {
        var mount = Path.Combine(root, "sys/fs/cgroup");
        foreach (var line in (Text(Path.Combine(root, "proc/self/cgroup")) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Split(':', 3) is not [_, var controllers, var path]) continue;
            if (controllers.Length > 0 && !controllers.Split(',').Any(name => name is "cpu" or "memory")) continue;

            var top = controllers.Length == 0 ? mount : Path.Combine(mount, controllers);
            for (var part = path.Trim('/'); ; part = Path.GetDirectoryName(part) ?? "")
            {
                yield return Path.Combine(top, part);
                if (part.Length == 0) break;
            }
        }
    }

    private static double? Quota(string folder)
    {
        var (quota, period) = Text(Path.Combine(folder, "cpu.max"))?.Split(' ') is [var most, var per]
            ? (Number(most, isText: true), Number(per, isText: true))
            : (Number(Path.Combine(folder, "cpu.cfs_quota_us")), Number(Path.Combine(folder, "cpu.cfs_period_us")));
        return quota > 0 && period > 0 ? (double)quota / period : null;
    }

    private static long? Number(string pathOrText, bool isText = false) =>
        long.TryParse(isText ? pathOrText : Text(pathOrText), NumberStyles.AllowLeadingSign | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string? Text(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
