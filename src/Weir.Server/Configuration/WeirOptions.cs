using System.ComponentModel.DataAnnotations;
using Weir.Inference.Load;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Leases.Kinds;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Collections;

namespace Weir.Server.Configuration;

/// <summary>The whole of <c>weir.json</c>, validated.</summary>
public sealed record WeirOptions
{
    /// <summary>The server itself.</summary>
    public ServerOptions Server { get; init; } = new();

    /// <summary>Where shared state lives: sqlite, memory, or redis://host:port/db (rediss for TLS).</summary>
    [RestartRequired]
    public string State { get; init; } = "sqlite";

    /// <summary>Who answers model requests, by a name of your choice. Absent: those whose usual key variable is set, Ollama if it answers, else the simulated provider.</summary>
    public IReadOnlyDictionary<string, ProviderOptions> Providers { get; init; } = new Dictionary<string, ProviderOptions>();

    /// <summary>Public model names and what stands behind each. Providers without routes are used as provider/model.</summary>
    public IReadOnlyDictionary<string, RouteOptions> Routes { get; init; } = new Dictionary<string, RouteOptions>();

    /// <summary>What models cost, by model name at the provider, or provider/model, which wins.</summary>
    public IReadOnlyDictionary<string, PriceOptions> Prices { get; init; } = new Dictionary<string, PriceOptions>();

    /// <summary>How much is gathered and how patiently is retried, by how much there is to do.</summary>
    public LoadOptions Load { get; init; } = new();

    /// <summary>When an operator is told that something is wrong.</summary>
    public AlertOptions Alerts { get; init; } = new();

    /// <summary>How answers are kept, to be given again to the same request.</summary>
    public CacheOptions Cache { get; init; } = new();

    /// <summary>Models that turn texts into vectors, for all who share this server.</summary>
    public EmbeddingsOptions Embeddings { get; init; } = new();

    /// <summary>Collections of documents that all share: made at start where there is none of the name; afterwards what is stored wins.</summary>
    public IReadOnlyDictionary<string, CollectionOptions> Collections { get; init; } = new Dictionary<string, CollectionOptions>();

    /// <summary>Catalogs of tools that all tenants may search, by name; made where there is none, afterwards what is stored counts.</summary>
    public IReadOnlyDictionary<string, CatalogOptions> Catalogs { get; init; } = new Dictionary<string, CatalogOptions>();

    /// <summary>Kinds of resources that are leased, by name: a sort (rag, vm, remote), or a sort, a colon and a name; made where there is none, afterwards what is stored counts.</summary>
    public IReadOnlyDictionary<string, KindOptions> Kinds { get; init; } = new Dictionary<string, KindOptions>();

    /// <summary>Where traces and metrics go.</summary>
    public TelemetryOptions Telemetry { get; init; } = new();
}

/// <summary>The server itself.</summary>
public sealed record ServerOptions
{
    /// <summary>Where it listens. Anything but a loopback address needs a key.</summary>
    [RestartRequired]
    public string Url { get; init; } = "http://127.0.0.1:7800";

    /// <summary>The folder for embedded state, relative to the working directory.</summary>
    [RestartRequired]
    public string Data { get; init; } = "./data";

    /// <summary>How other replicas and resources reach this one. Default: <see cref="Url"/>.</summary>
    public string? AdvertisedUrl { get; init; }

    /// <summary>How long requests in flight may take to end when the server stops.</summary>
    [RestartRequired, Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The largest request body, from 1KB to 2GB.</summary>
    [RestartRequired, Range(1024.0, 2147483648.0)]
    public ByteSize MaxBody { get; init; } = new(32L << 20);

    /// <summary>The fleet whose leases and nodes this server shares.</summary>
    [RestartRequired, RegularExpression("[a-z0-9][a-z0-9-]{0,62}")]
    public string Fleet { get; init; } = "default";
}

/// <summary>How answers are kept, to be given again to the same request.</summary>
public sealed record CacheOptions
{
    /// <summary>How long an answer may be given again.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "30.00:00:00")]
    public TimeSpan Ttl { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>What answers may hold in this process, from 1MB to 64GB; the least recently used goes first. One answer may have a sixteenth, at most 16MB.</summary>
    [Range(1048576.0, 68719476736.0)]
    public ByteSize MaxBytes { get; init; } = new(256L << 20);

    /// <summary>Whether requests that send no x-weir-cache are cached, as long as their temperature is 0 and n is not over 1.</summary>
    public CacheDefault Default { get; init; } = CacheDefault.Off;
}

/// <summary>Whether requests that send no x-weir-cache are cached.</summary>
public enum CacheDefault
{
    Off,
    On,
}

/// <summary>Where traces and metrics go.</summary>
public sealed record TelemetryOptions
{
    /// <summary>The address of an OTLP collector (gRPC on 4317, HTTP on 4318). Null: nothing is exported.</summary>
    [RestartRequired]
    public string? Otlp { get; init; }

    /// <summary>Pairs of request and answer that are written down, bodies and all: nothing unless asked for.</summary>
    public CaptureOptions Capture { get; init; } = new();
}

/// <summary>Which pairs of request and answer are written down, as JSON Lines.</summary>
public sealed record CaptureOptions
{
    /// <summary>Names of routes, or provider/model; "*" is all of them. Default: none.</summary>
    public IReadOnlyList<string> Routes { get; init; } = [];

    /// <summary>The file; at 256 MB it is put aside, and three of those are kept. Null: capture.jsonl in the server's data folder.</summary>
    public string? Path { get; init; }
}
