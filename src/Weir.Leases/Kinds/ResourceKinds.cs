using System.Collections.Frozen;
using Microsoft.Extensions.DependencyInjection;

namespace Weir.Leases.Kinds;

/// <summary>A sort, and what does its work here.</summary>
public sealed record RegisteredKind(KindSort Sort, ResourceKind Implementation);

/// <summary>The sorts of resources that this server has, each with what does its work.</summary>
public sealed class ResourceKinds(IEnumerable<RegisteredKind> kinds)
{
    private readonly FrozenDictionary<string, RegisteredKind> _bySort = kinds.ToFrozenDictionary(kind => kind.Sort.Name, StringComparer.Ordinal);

    public IEnumerable<RegisteredKind> All => _bySort.Values;

    /// <summary>Of the sort that a kind's name says. Null: there is none of that name.</summary>
    public RegisteredKind? Find(string kind) => _bySort.GetValueOrDefault(SortOf(kind));

    /// <summary>What does the work of a kind.</summary>
    public ResourceKind? Of(string kind) => Find(kind)?.Implementation;

    public static string SortOf(string kind) => kind.IndexOf(':', StringComparison.Ordinal) is var colon and > 0 ? kind[..colon] : kind;
}

/// <summary>Registers kinds.</summary>
public static class KindRegistration
{
    /// <summary>Adds a sort of resources: kinds may then be named after it.</summary>
    public static IServiceCollection AddResourceKind<TKind>(this IServiceCollection services)
        where TKind : ResourceKind, IKindOfSort => services.AddSingleton<TKind>().AddResourceKind(TKind.Sort, provider => provider.GetRequiredService<TKind>());

    /// <summary>Adds a sort whose work is done by an object that the caller makes.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="sort">The sort.</param>
    /// <param name="implementation">Called once. What it gives is not disposed of by the services.</param>
    public static IServiceCollection AddResourceKind(this IServiceCollection services, KindSort sort, Func<IServiceProvider, ResourceKind> implementation) =>
        services.AddSingleton(sort).AddSingleton(provider => new RegisteredKind(sort, implementation(provider)));
}
