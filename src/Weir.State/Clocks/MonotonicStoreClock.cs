namespace Weir.State.Clocks;

/// <summary>
/// The clock of a store that lives in this process: monotonic time over UTC at its start, and never below what is stored.
/// What the machine's clock does afterwards changes nothing.
/// </summary>
internal sealed class MonotonicStoreClock : IStoreClock
{
    private readonly TimeProvider _time;
    private readonly DateTimeOffset _start;
    private readonly long _startTimestamp;

    /// <param name="time">Where monotonic time, and UTC at the start, come from.</param>
    /// <param name="stored">The latest store time on record.</param>
    public MonotonicStoreClock(TimeProvider time, DateTimeOffset stored)
    {
        _time = time;
        var utc = time.GetUtcNow();
        _start = utc > stored ? utc : stored;
        _startTimestamp = time.GetTimestamp();
    }

    public DateTimeOffset Now => _start + _time.GetElapsedTime(_startTimestamp);

    public ValueTask<DateTimeOffset> ReadAsync(CancellationToken cancellationToken = default) => new(Now);
}
