using System.ComponentModel.DataAnnotations;
using Weir.Inference.Providers;
using Weir.Inference.Routing;

namespace Weir.Server.Configuration;

/// <summary>The whole of <c>weir.json</c>, validated.</summary>
public sealed record WeirOptions
{
    public ServerOptions Server { get; init; } = new();

    /// <summary>Where shared state lives: sqlite, memory, or redis://host:port/db (rediss for TLS).</summary>
    public string State { get; init; } = "sqlite";

    public IReadOnlyDictionary<string, ProviderOptions> Providers { get; init; } = new Dictionary<string, ProviderOptions>();

    public IReadOnlyDictionary<string, RouteOptions> Routes { get; init; } = new Dictionary<string, RouteOptions>();

    public IReadOnlyDictionary<string, PriceOptions> Prices { get; init; } = new Dictionary<string, PriceOptions>();

    public TelemetryOptions Telemetry { get; init; } = new();
}

/// <summary>The server itself.</summary>
public sealed record ServerOptions
{
    /// <summary>Where it listens. Anything but a loopback address needs a key.</summary>
    public string Url { get; init; } = "http://127.0.0.1:7800";

    /// <summary>The folder for embedded state, relative to the working directory.</summary>
    public string Data { get; init; } = "./data";

    /// <summary>How other replicas and resources reach this one. Default: <see cref="Url"/>.</summary>
    public string? AdvertisedUrl { get; init; }

    /// <summary>How long requests in flight may take to end when the server stops.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The largest request body.</summary>
    public ByteSize MaxBody { get; init; } = new(32L << 20);

    /// <summary>The fleet whose leases and nodes this server shares.</summary>
    [RegularExpression("[a-z0-9][a-z0-9-]{0,62}")]
    public string Fleet { get; init; } = "default";
}

/// <summary>Where traces and metrics go.</summary>
public sealed record TelemetryOptions
{
    /// <summary>The address of an OTLP collector (gRPC on 4317, HTTP on 4318). Null: nothing is exported.</summary>
    public string? Otlp { get; init; }
}
