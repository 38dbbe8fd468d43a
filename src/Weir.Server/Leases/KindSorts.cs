using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Kinds;

namespace Weir.Server.Leases;

/// <summary>The sorts of resources that this server has: one line each, which registers it and lets the configuration be judged before anything runs.</summary>
internal static class KindSorts
{
    public static IReadOnlyList<KindSort> All { get; } =
    [
        new("rag", static (_, _) => [], static _ => { }),
        new("vm", static (_, _) => [], static _ => { }),
        new("remote", static (_, _) => [], static _ => { }),
    ];

    public static IEnumerable<string> Names => All.Select(sort => sort.Name);

    /// <summary>The sort of a kind, by the kind's name. Null: there is none.</summary>
    public static KindSort? Of(string kind) => All.FirstOrDefault(sort => sort.Name == ResourceKinds.SortOf(kind));
}

/// <param name="Name">As names of kinds begin.</param>
/// <param name="FaultsOf">What is wrong with a definition; looks at nothing else.</param>
/// <param name="Add">Registers it.</param>
internal sealed record KindSort(string Name, Func<string, KindOptions, IReadOnlyList<KindFault>> FaultsOf, Action<IServiceCollection> Add);
