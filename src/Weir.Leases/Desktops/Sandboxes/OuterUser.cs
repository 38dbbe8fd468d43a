using System.Globalization;
using System.Text;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>
/// Whose the processes of a desktop are, seen from outside. Where this program is root they are nobody's: each desktop gets a user id of its own that no account has,
/// so that whatever leaves the sandbox may do nothing, and one desktop's user is not another's. Where it is not root they are this program's user's.
/// </summary>
internal static class OuterUser
{
    // Above what containers and directory services are given (systemd's list of user ids ends its containers at 0x6FFFFFFF), below what some file systems cannot store.
    private const long First = 0x7000_0000;
    private const long Count = 0x0800_0000;
    // In a container that has few ids: those of services that come and go.
    private const long FewFirst = 61184;
    private const long FewCount = 65520 - FewFirst;

    /// <summary>Null: this program's own user. Negative: there is no id to be had.</summary>
    public static int? Of(string instance) =>
        Environment.IsPrivilegedProcess && OperatingSystem.IsLinux() ? Choose(instance, File.ReadAllText("/proc/self/uid_map")) : null;

    /// <param name="instance">Whose.</param>
    /// <param name="map">The ids that there are, as <c>/proc/self/uid_map</c> lists them: first inside, first outside, how many.</param>
    public static int Choose(string instance, string map)
    {
        long hash = (long)(Hash(instance) & 0x7FFF_FFFF);
        return Has(map, First, Count) ? (int)(First + (hash % Count)) : Has(map, FewFirst, FewCount) ? (int)(FewFirst + (hash % FewCount)) : -1;
    }

    private static bool Has(string map, long first, long count)
    {
        foreach (var line in map.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 3 && long.TryParse(fields[0], CultureInfo.InvariantCulture, out var from) && long.TryParse(fields[2], CultureInfo.InvariantCulture, out var length)
                && from <= first && first + count <= from + length)
            {
                return true;
            }
        }

        return false;
    }

    private static ulong Hash(string text)
    {
        // FNV-1a, 64 bits: the same after a restart.
        var hash = 14695981039346656037UL;
        foreach (var value in Encoding.UTF8.GetBytes(text))
            hash = (hash ^ value) * 1099511628211UL;
        return hash ^ (hash >> 32);
    }
}
