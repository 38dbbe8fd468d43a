namespace Weir.Leases.Upkeep;

/// <summary>How often, how long and how many, of what is done for resources in the background.</summary>
public sealed record UpkeepLimits
{
    /// <summary>Resources of one kind that a replica resets or makes at once. Default 16.</summary>
    public int AtOnce { get; init; } = 16;

    /// <summary>How soon a resource that could not be reset is tried again; twice as long after each failure. Default 1 s.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Default 5 min.</summary>
    public TimeSpan LongestRetry { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>From one check of a resource to the next, a tenth more or less. Default 10 s.</summary>
    public TimeSpan CheckEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a check may take before it counts as failed. Default 5 s.</summary>
    public TimeSpan CheckWithin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Checks of one kind at once. Default 32.</summary>
    public int ChecksAtOnce { get; init; } = 32;

    /// <summary>Failed checks in a row that take a resource out of use. Default 2.</summary>
    public int FailedChecks { get; init; } = 2;

    /// <summary>How long what a kind does may go on after it was cancelled before nobody waits for it any more. Default 5 s.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>By how much a claim outlasts the work that it is for. Default 30 s.</summary>
    public TimeSpan ClaimMargin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a home has to be away before its resources are forgotten. Default 10 min.</summary>
    public TimeSpan HomeGoneAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long whoever is shown kinds just after a start waits for them and their resources to be made. Default 500 ms.</summary>
    public TimeSpan ShownWithin { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long to wait before the <paramref name="failures"/>th failure in a row is followed by another try: a quarter more or less, so that what failed together is not tried together.</summary>
    internal TimeSpan RetryAfter(int failures, Random random)
    {
        var doubled = FirstRetry * Math.Pow(2, Math.Min(failures - 1, 20));
        return (doubled < LongestRetry ? doubled : LongestRetry) * (0.75 + (0.5 * random.NextDouble()));
    }
}
