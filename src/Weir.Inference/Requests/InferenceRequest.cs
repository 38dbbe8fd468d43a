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

    /// <summary>Whether the caller may use a model name; null: all of them.</summary>
    public Func<string, bool>? MayUse { get; init; }

    /// <summary>0 to 9, 9 first.</summary>
    public int Priority { get; init; } = 5;

    /// <summary>From now on, queueing included. Null: the route's.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The client's <c>idempotency-key</c>; what a provider sees is derived from it and the tenant.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>The client's <c>openai-beta</c>.</summary>
    public string? OpenAIBeta { get; init; }

    /// <summary>The client's <c>anthropic-beta</c>; goes to providers of that dialect alone.</summary>
    public string? AnthropicBeta { get; init; }

    /// <summary>The client's <c>anthropic-version</c>. Null: the one that this version was written against.</summary>
    public string? AnthropicVersion { get; init; }

    /// <summary>The client's <c>x-weir-session</c>: requests of one session go to one deployment where the route's balance is affinity.</summary>
    public string? Session { get; init; }

    /// <summary>The client's <c>x-weir-cache</c>: whether this request may be answered from the cache and joined with others. Null: as configured.</summary>
    public bool? UseCache { get; init; }

    /// <summary>A request that may wait for hours: it is admitted only where no interactive one is kept waiting by it.</summary>
    public bool IsBackground { get; init; }

    /// <summary>W3C trace context to pass on where no trace of our own is being recorded.</summary>
    public string? TraceParent { get; init; }

    /// <summary>Set where the request is about a response that a provider keeps; null: it asks for a new answer.</summary>
    public StoredResponseCall? Stored { get; init; }

    /// <summary>Where the request must go; null: wherever its route leads. Set once, when the route is found.</summary>
    internal ResponsePin? Pin { get; set; }
}
