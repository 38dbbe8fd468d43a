namespace Weir.Inference.Requests;

/// <summary>What of a client's headers the gateway uses beyond those that every request has an answer for; most requests have none of them.</summary>
public sealed record ClientHeaders
{
    public static readonly ClientHeaders None = new();

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

    /// <summary>W3C trace context to pass on where no trace of our own is being recorded.</summary>
    public string? TraceParent { get; init; }
}
