namespace Weir.Simulation.Streaming;

/// <summary>
/// When each token of one answer is due. Reckoned from the start and not from the token before, so that late wake-ups
/// do not add up: whoever is behind sends at once until it has caught up.
/// </summary>
internal readonly struct TokenPacer(TimeProvider time, double tokensPerSecond)
{
    /// <summary>Shorter waits are not worth a timer, whose own precision is a millisecond.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly long _start = time.GetTimestamp();

    /// <summary>Time to wait before the token of this index (from 0) may be sent; zero when it is due.</summary>
    public TimeSpan Until(int index)
    {
        if (tokensPerSecond <= 0)
            return TimeSpan.Zero;
        var wait = TimeSpan.FromSeconds(index / tokensPerSecond) - time.GetElapsedTime(_start);
        return wait < Shortest ? TimeSpan.Zero : wait;
    }
}
