using Weir.Inference.Caching;
using Weir.Inference.Load;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>The gateway as its host sees it: takes a configuration and shows live state.</summary>
public sealed class Gateway
{
    private readonly RouteTables _tables;
    private readonly AnswerCache _cache;
    private readonly LoadProfiles _load;

    internal Gateway(RouteTables tables, AnswerCache cache, LoadProfiles load) => (_tables, _cache, _load) = (tables, cache, load);

    /// <summary>Swaps to a configuration, which has been validated. Requests under way end under the one they began with.</summary>
    public void Apply(InferenceOptions options)
    {
        _load.Apply(options.Load);
        _cache.Reconfigure(options.Cache);
        _tables.Apply(options);
    }

    public IReadOnlyCollection<string> Routes => [.. _tables.Current.Routes.Keys];

    public IReadOnlyCollection<string> Providers => [.. _tables.Current.Providers.Keys];
}
