using System.Collections.Concurrent;
using Weir.Inference.Providers;

namespace Weir.Inference.Routing;

/// <summary>Every name that a request may ask for, as of one configuration. Immutable, swapped whole; a request takes one at its start.</summary>
internal sealed class RouteTable
{
    // Models that are only named as provider/model get a deployment of their own up to this many; the rest of a provider's share one.
    private const int MostDirect = 1024;

    private readonly Dictionary<string, RouteModel> _routes;
    private readonly Dictionary<string, ProviderModel> _providers;
    private readonly Func<ProviderModel, string, RouteModel> _direct;
    private readonly ConcurrentDictionary<string, RouteModel> _directRoutes = new(StringComparer.Ordinal);

    public RouteTable(
        Dictionary<string, RouteModel> routes,
        Dictionary<string, ProviderModel> providers,
        IReadOnlyDictionary<string, ProviderState> states,
        Func<ProviderModel, string, RouteModel> direct)
    {
        _routes = routes;
        _providers = providers;
        _direct = direct;
        States = states;
        var routed = routes.Values.SelectMany(route => route.Deployments).Select(deployment => deployment.Provider.Name).ToHashSet(StringComparer.Ordinal);
        Unrouted = [.. providers.Values.Where(provider => !routed.Contains(provider.Name))];
    }

    public IReadOnlyDictionary<string, RouteModel> Routes => _routes;

    public IReadOnlyDictionary<string, ProviderModel> Providers => _providers;

    public IReadOnlyDictionary<string, ProviderState> States { get; }

    /// <summary>Providers that no route names: their own model lists are offered instead.</summary>
    public IReadOnlyList<ProviderModel> Unrouted { get; }

    /// <summary>A configured route, or the implied one of <c>provider/model</c>; null where the name is neither.</summary>
    public RouteModel? Find(string name)
    {
        if (_routes.TryGetValue(name, out var route))
        {
            return route;
        }

        return FindDirect(name);
    }

    /// <summary>The implied route of <c>provider/model</c>, whatever routes are named like it; null where there is no such provider.</summary>
    public RouteModel? FindDirect(string name)
    {
        var slash = name.IndexOf('/');
        return slash > 0 && slash < name.Length - 1 && _providers.TryGetValue(name[..slash], out var provider)
            ? Direct(provider, name, name[(slash + 1)..])
            : null;
    }

    private RouteModel Direct(ProviderModel provider, string name, string model)
    {
        if (_directRoutes.TryGetValue(name, out var known))
        {
            return known;
        }

        var route = _direct(provider, model);
        return _directRoutes.Count < MostDirect ? _directRoutes.GetOrAdd(name, route) : route;
    }
}
