namespace Weir.Inference.Embeddings;

/// <summary>How many requests a micro-batch waits for, and how long: what the load profile decides. Asked at each request.</summary>
internal interface IBatchPace
{
    BatchPace Current { get; }
}

/// <param name="Size">Requests in one batch, at least 1.</param>
/// <param name="Wait">How long a request waits for company while another batch is under way.</param>
internal readonly record struct BatchPace(int Size, TimeSpan Wait);
