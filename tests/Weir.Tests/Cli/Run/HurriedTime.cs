namespace Weir.Tests.Cli.Run;

/// <summary>
/// Real time, so many times as fast: for schedules of many tasks, whose order is what is tested and not its durations. What is long is a bound rather than a wait,
/// and a busy machine must not reach it.
/// </summary>
internal sealed class HurriedTime(double factor) : TimeProvider
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(5);

    private readonly long _began = System.GetTimestamp();

    public override long GetTimestamp() => (long)((System.GetTimestamp() - _began) * factor);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, Shorter(dueTime), Shorter(period));

    private TimeSpan Shorter(TimeSpan span) => span <= TimeSpan.Zero ? span : span >= Long && span / factor < Enough ? Enough : TimeSpan.FromMilliseconds(Math.Max(1, Math.Min(span.TotalMilliseconds / factor, 1e9)));
}
