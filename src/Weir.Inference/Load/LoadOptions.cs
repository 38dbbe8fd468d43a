namespace Weir.Inference.Load;

/// <summary>How much is gathered and how patiently is retried, by how much there is to do.</summary>
public sealed record LoadOptions
{
    /// <summary>Default auto: moves between the others by requests a second over 10 s.</summary>
    public LoadProfileName? Profile { get; init; }
}

/// <summary>The load profiles.</summary>
public enum LoadProfileName
{
    /// <summary>Conservative under 100 requests a second, balanced from there, aggressive from 1,000; and back at 80 and 800.</summary>
    Auto,

    /// <summary>Batches of 10 within 2 ms; waits between retries twice as long.</summary>
    Conservative,

    /// <summary>Batches of 25 within 5 ms; retries as configured.</summary>
    Balanced,

    /// <summary>Batches of 50 within 10 ms; half the waits between retries, half as many retries.</summary>
    Aggressive,
}
