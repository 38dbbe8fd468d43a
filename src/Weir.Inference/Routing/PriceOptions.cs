using System.ComponentModel.DataAnnotations;

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
}
