namespace Weir.Cli.Run.Workers;

/// <summary>Waits that double up to a bound, each between half and the whole of it at random, so that workers that failed together do not come back together.</summary>
internal sealed class Backoff(TimeSpan first, TimeSpan most, Random random)
{
    /// <param name="failures">From 1.</param>
    public TimeSpan After(int failures)
    {
        double share;
        // A Random is not safe from several threads.
        lock (random)
            share = 0.5 + (random.NextDouble() / 2);
        var whole = Math.Min(first.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 30)), most.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(whole * share);
    }
}
