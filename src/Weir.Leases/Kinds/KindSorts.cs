using System.Collections.Frozen;

namespace Weir.Leases.Kinds;

/// <summary>The sorts that kinds may be of.</summary>
public sealed class KindSorts(IEnumerable<KindSort> sorts)
{
    private readonly FrozenDictionary<string, KindSort> _byName = sorts.ToFrozenDictionary(sort => sort.Name, StringComparer.Ordinal);

    /// <summary>In alphabetical order.</summary>
    public IEnumerable<string> Names => _byName.Keys.Order(StringComparer.Ordinal);

    /// <summary>The sort that a kind's name says. Null: there is none of that name.</summary>
    public KindSort? Of(string kind) => _byName.GetValueOrDefault(ResourceKinds.SortOf(kind));
}
