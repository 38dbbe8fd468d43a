using System.Collections.Frozen;
using Microsoft.Extensions.DependencyInjection;

namespace Weir.Leases.Kinds;

/// <summary>The sorts of resources that this server knows.</summary>
public sealed class ResourceKinds(IEnumerable<ResourceKind> kinds)
{
    private readonly FrozenDictionary<string, ResourceKind> _bySort = kinds.ToFrozenDictionary(kind => kind.Sort, StringComparer.Ordinal);

    public IEnumerable<ResourceKind> All => _bySort.Values;

    public IEnumerable<string> Sorts => _bySort.Keys.Order(StringComparer.Ordinal);

    /// <summary>The sort that a kind's name says. Null: there is none of that name.</summary>
    public ResourceKind? Of(string kind) => _bySort.GetValueOrDefault(SortOf(kind));

    public static string SortOf(string kind) => kind.IndexOf(':', StringComparison.Ordinal) is var colon and > 0 ? kind[..colon] : kind;
}

/// <summary>Registers kinds.</summary>
public static class KindRegistration
{
    /// <summary>Adds a sort of resources: kinds may then be named after it.</summary>
    public static IServiceCollection AddResourceKind<TKind>(this IServiceCollection services)
        where TKind : ResourceKind => services.AddSingleton<ResourceKind, TKind>();
}
