namespace Weir.Inference.Batches.Execution;

/// <summary>How long a line waits before it is tried again: doubling with jitter, and never less than what was asked for.</summary>
internal sealed class LineBackoff(Random random)
{
    private static readonly TimeSpan FirstRefusal = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestRefusal = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstTrouble = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestTrouble = TimeSpan.FromMinutes(5);

    /// <param name="times">In a row, from 1.</param>
    /// <param name="asked">Null: nothing was asked for.</param>
    public TimeSpan AfterRefusal(int times, TimeSpan? asked) => Wait(FirstRefusal, LongestRefusal, times, asked);

    /// <param name="times">In all, from 1.</param>
    /// <param name="asked">Null: nothing was asked for.</param>
    public TimeSpan AfterTrouble(int times, TimeSpan? asked) => Wait(FirstTrouble, LongestTrouble, times, asked);

    private TimeSpan Wait(TimeSpan first, TimeSpan longest, int times, TimeSpan? asked)
    {
        var wait = first * Math.Pow(2, Math.Min(times - 1, 20));
        wait = (wait < longest ? wait : longest) * (0.5 + (random.NextDouble() / 2));
        return asked > wait ? asked.Value : wait;
    }
}
