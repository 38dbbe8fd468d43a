using Weir.Inference.Responses;

namespace Weir.Inference.Requests;

/// <summary>One request to the gateway, as far as the pipeline needs it. It knows nothing of HTTP contexts.</summary>
public sealed class InferenceRequest
{
    public required Operation Operation { get; init; }

    public required RequestHead Head { get; init; }

    /// <summary>Valid until the pipeline has returned, and for as long as <see cref="Owner"/> is held.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Whose memory <see cref="Body"/> is; null: memory that is not used again.</summary>
    public PooledBody? Owner { get; init; }

    /// <summary>Whom the data belongs to.</summary>
    public required string Tenant { get; init; }

    /// <summary>Who is counted: a key's id. Null: the tenant as a whole.</summary>
    public string? Client { get; init; }

    /// <summary>Whether the caller may use a model name; null: all of them.</summary>
    public Func<string, bool>? MayUse { get; init; }

    /// <summary>0 to 9, 9 first.</summary>
    public int Priority { get; init; } = 5;

    /// <summary>From now on, queueing included. Null: the route's.</summary>
    public TimeSpan? Timeout { get; init; }

    public ClientHeaders Headers { get; init; } = ClientHeaders.None;

    /// <summary>The client's <c>x-weir-cache</c>: whether this request may be answered from the cache and joined with others. Null: as configured.</summary>
    public bool? UseCache { get; init; }

    /// <summary>A request that may wait for hours: it is admitted only where no interactive one is kept waiting by it.</summary>
    public bool IsBackground { get; init; }

    /// <summary>
    /// Only routes and the models of providers are meant. A model that this server serves itself by asking a provider says so, and can then never ask itself.
    /// </summary>
    public bool IsForRoutes { get; init; }

    /// <summary>Set where the request is about a response that a provider keeps; null: it asks for a new answer.</summary>
    public StoredResponseCall? Stored { get; init; }

    /// <summary>Where the request must go; null: wherever its route leads. Set once, when the route is found.</summary>
    internal ResponsePin? Pin { get; set; }
}
