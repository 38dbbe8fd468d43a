using Weir.Inference.Caching;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>The gateway as its host sees it: takes a configuration and shows live state.</summary>
public sealed class Gateway
{
    private readonly RouteTables _tables;
    private readonly AnswerCache _cache;

    internal Gateway(RouteTables tables, AnswerCache cache) => (_tables, _cache) = (tables, cache);

    /// <summary>Swaps to a configuration, which has been validated. Requests under way end under the one they began with.</summary>
    public void Apply(InferenceOptions options)
    {
        _cache.Reconfigure(options.Cache);
        _tables.Apply(options);
    }

    public IReadOnlyCollection<string> Routes => [.. _tables.Current.Routes.Keys];

    public IReadOnlyCollection<string> Providers => [.. _tables.Current.Providers.Keys];
}
