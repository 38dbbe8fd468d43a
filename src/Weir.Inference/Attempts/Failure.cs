namespace Weir.Inference.Attempts;

/// <summary>An attempt that gave no answer to relay.</summary>
/// <param name="Class">Decides what is done next.</param>
/// <param name="Message">For people: says what the provider did, and holds no secret.</param>
internal sealed record Failure(FailureClass Class, string Message)
{
    /// <summary>The provider's status; 0 where it gave none.</summary>
    public int Status { get; init; }

    /// <summary>When the provider wants to be asked again; null where it did not say.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>What the provider answered, for a client whose own fault it is; empty where nothing is passed on.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    public string? ContentType { get; init; }

    /// <summary>What a client is told where every deployment fails so; null where the class says it.</summary>
    public InferenceError? Error { get; init; }

    /// <summary>The provider's id of the request; null where it gave none.</summary>
    public string? UpstreamId { get; init; }
}
