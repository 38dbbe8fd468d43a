using System.Globalization;
using System.Text.Json;

namespace Weir.Leases.Kinds;

/// <summary>
/// A sort of resource, as far as the definition of a kind tells: what is sound, how many there are, and what has to be done for each. It has nothing of what the
/// work is done with, so that a configuration is judged by it before anything is built. Its functions look at nothing but what they are given, and are called from
/// any number of threads; an exception counts as a definition that cannot be read.
/// </summary>
/// <param name="name">What the names of its kinds are, or begin with before a colon: <c>vm</c>.</param>
public sealed class KindSort(string name)
{
    public string Name => name;

    /// <summary>What has to be done for resources of such a kind. Default: nothing.</summary>
    public Func<KindOptions, KindTraits> TraitsOf { get; init; } = static _ => KindTraits.None;

    /// <summary>What is wrong with a definition under its name, one sentence each, with the setting and how to mend it. Default: nothing.</summary>
    public Func<string, KindOptions, IReadOnlyList<KindFault>> FaultsOf { get; init; } = static (_, _) => [];

    /// <summary>What is wrong with a lease's config by itself; asked before anything waits or is made. Null: nothing that can be told so early, which is the default.</summary>
    public Func<KindOptions, JsonElement?, LeaseError?> ConfigFaultOf { get; init; } = static (_, _) => null;

    /// <summary>
    /// The slots that a definition asks for; of a kind with instances, on each replica. Names of letters, digits, <c>.</c>, <c>_</c> and <c>-</c>. Default: numbers from 0,
    /// as many as its capacity.
    /// </summary>
    public Func<KindOptions, IEnumerable<string>> SlotsOf { get; init; } =
        static options => Enumerable.Range(0, options.Capacity ?? 0).Select(slot => slot.ToString(CultureInfo.InvariantCulture));
}

/// <summary>A class of <see cref="ResourceKind"/> that says by itself which sort it does the work of.</summary>
public interface IKindOfSort
{
    static abstract KindSort Sort { get; }
}

/// <summary>What has to be done for resources of a kind.</summary>
[Flags]
public enum KindTraits
{
    None = 0,

    /// <summary>Something is made for each and ended again, on one replica, its home.</summary>
    Instances = 1,

    /// <summary>To initialise one has effects beyond the lease's own record, so the lease is committed before.</summary>
    Initialises = 2,

    /// <summary>It has to be made clean after a lease.</summary>
    Resets = 4,

    /// <summary>Its health can be asked for.</summary>
    Checks = 8,
}
