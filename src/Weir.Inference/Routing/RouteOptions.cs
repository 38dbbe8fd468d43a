using System.ComponentModel.DataAnnotations;
using Weir.Inference.Providers;

namespace Weir.Inference.Routing;

/// <summary>One entry of <c>routes</c> in <c>weir.json</c>: a public model name and what stands behind it.</summary>
public sealed record RouteOptions
{
    /// <summary>What requests may be sent to: lower orders first, by weight among equals.</summary>
    [Required, MinLength(1)]
    public IReadOnlyList<DeploymentOptions> Deployments { get; init; } = [];

    /// <summary>How one of several deployments of the same order is chosen. Default least_busy.</summary>
    public Balance? Balance { get; init; }

    /// <summary>The deadline of a request that names none, queueing included. Default 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// How often a comment line goes to the client of a stream while its provider is silent, from 1 s; with the first one status 200 is committed.
    /// Default off.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public Rhythm? Heartbeat { get; init; }

    /// <summary>Whether a higher order takes what the lower ones have no room for. Default false.</summary>
    public bool? Overflow { get; init; }

    /// <summary>
    /// Whether fields that a deployment's dialect cannot express are left out and listed in x-weir-dropped, instead of refusing the
    /// request there. Default false.
    /// </summary>
    public bool? DropParams { get; init; }
}

/// <summary>One model at one provider.</summary>
public sealed record DeploymentOptions
{
    /// <summary>The name of an entry of <c>providers</c>.</summary>
    [Required]
    public string Provider { get; init; } = "";

    /// <summary>The model's name at the provider.</summary>
    [Required]
    public string Model { get; init; } = "";

    /// <summary>Its rank in the route: lower ones first. Default 0.</summary>
    [Range(0, 1_000)]
    public int? Order { get; init; }

    /// <summary>Its share among deployments of the same order. Default 1.</summary>
    [Range(0.001, 1_000_000)]
    public double? Weight { get; init; }

    /// <summary>The most output tokens where a client names no bound and the provider needs one. Default 8192.</summary>
    [Range(1, 1_000_000)]
    public int? MaxOutput { get; init; }

    /// <summary>Narrows the provider's limits for this deployment.</summary>
    public LimitOptions? Limits { get; init; }
}

/// <summary>How one of several deployments of the same order is chosen.</summary>
public enum Balance
{
    /// <summary>The one with the smallest share of its room in use, of two drawn at random.</summary>
    LeastBusy,

    /// <summary>By weight alone.</summary>
    Weighted,

    /// <summary>The one expected to answer sooner, of two drawn at random: its time to a first event times what it works on.</summary>
    Latency,

    /// <summary>Requests of one x-weir-session, else of one prompt_cache_key, else with the same system prompt and tools go to one deployment.</summary>
    Affinity,
}
