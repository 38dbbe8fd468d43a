namespace Weir.Retrieval.Embedding.Encoders;

/// <summary>How local models are run.</summary>
internal sealed record EncoderSettings
{
    /// <summary>Default: the number of processors.</summary>
    public int MaxThreads { get; init; } = Environment.ProcessorCount;

    /// <summary>What one encoder takes at once, in estimated tokens. What is longer than this by itself is a batch of its own. Default: 8,192.</summary>
    public int BatchTokens { get; init; } = 8192;

    /// <summary>How long an input waits for encoders that are under way while another one could be started. Default: 2 ms.</summary>
    public TimeSpan BatchWait { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>Inputs that may wait. Default: 16,384.</summary>
    public int MaxInputs { get; init; } = 16_384;

    /// <summary>Bytes of inputs that may wait. Default: 64 MiB.</summary>
    public long MaxBytes { get; init; } = 64L << 20;
}
