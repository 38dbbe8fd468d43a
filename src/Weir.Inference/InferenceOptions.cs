using Weir.Inference.Caching;
using Weir.Inference.Load;
using Weir.Inference.Providers;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>What the gateway is given: the <c>providers</c>, <c>routes</c>, <c>load</c>, <c>prices</c> and <c>cache</c> of <c>weir.json</c>.</summary>
public sealed record InferenceOptions
{
    public IReadOnlyDictionary<string, ProviderOptions> Providers { get; init; } = new Dictionary<string, ProviderOptions>();

    public IReadOnlyDictionary<string, RouteOptions> Routes { get; init; } = new Dictionary<string, RouteOptions>();

    /// <summary>Which load profile holds.</summary>
    public LoadOptions Load { get; init; } = new();

    /// <summary>By model name at the provider, or <c>provider/model</c>, which wins.</summary>
    public IReadOnlyDictionary<string, PriceOptions> Prices { get; init; } = new Dictionary<string, PriceOptions>();

    /// <summary>How answers are kept.</summary>
    public CacheSettings Cache { get; init; } = CacheSettings.Default;
}
