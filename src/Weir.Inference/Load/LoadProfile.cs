namespace Weir.Inference.Load;

/// <summary>What depends on how much there is to do. Immutable.</summary>
/// <param name="Name">Never <see cref="LoadProfileName.Auto"/>.</param>
/// <param name="BatchSize">Requests in a micro-batch at the most.</param>
/// <param name="BatchWait">How long a micro-batch is gathered at the most.</param>
/// <param name="RetryWaits">Factor on our own waits between retries; what a provider asks for is kept to the letter.</param>
/// <param name="RetryMaxima">Factor on the number of retries, rounded up.</param>
public sealed record LoadProfile(LoadProfileName Name, int BatchSize, TimeSpan BatchWait, double RetryWaits, double RetryMaxima)
{
    public static readonly LoadProfile Conservative = new(LoadProfileName.Conservative, 10, TimeSpan.FromMilliseconds(2), 2, 1);
    public static readonly LoadProfile Balanced = new(LoadProfileName.Balanced, 25, TimeSpan.FromMilliseconds(5), 1, 1);
    public static readonly LoadProfile Aggressive = new(LoadProfileName.Aggressive, 50, TimeSpan.FromMilliseconds(10), 0.5, 0.5);

    /// <summary>How many retries there are of those that are configured.</summary>
    public int Most(int configured) => RetryMaxima == 1 ? configured : (int)Math.Ceiling(configured * RetryMaxima);
}
