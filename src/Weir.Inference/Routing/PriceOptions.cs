using System.ComponentModel.DataAnnotations;
using Weir.Inference.Relay;

namespace Weir.Inference.Routing;

/// <summary>What a model costs, in dollars per million tokens.</summary>
public sealed record PriceOptions
{
    /// <summary>Per million input tokens. Default 0.</summary>
    [Range(0.0, 1_000_000.0)]
    public double? Input { get; init; }

    /// <summary>Per million output tokens. Default 0.</summary>
    [Range(0.0, 1_000_000.0)]
    public double? Output { get; init; }

    /// <summary>Per million input tokens that the provider read from its prompt cache. Default: input's.</summary>
    [Range(0.0, 1_000_000.0)]
    public double? CachedInput { get; init; }

    /// <summary>Per million input tokens that the provider wrote to its prompt cache. Default: input's.</summary>
    [Range(0.0, 1_000_000.0)]
    public double? CacheWrite { get; init; }

    /// <summary>What <paramref name="usage"/> costs, in dollars.</summary>
    internal double Of(in TokenUsage usage)
    {
        var input = Input ?? 0;
        var plain = Math.Max(0, usage.Input - usage.CachedInput - usage.CacheWrite);
        return ((plain * input) + (usage.CachedInput * (CachedInput ?? input)) + (usage.CacheWrite * (CacheWrite ?? input)) + (usage.Output * (Output ?? 0))) / 1_000_000;
    }
}
