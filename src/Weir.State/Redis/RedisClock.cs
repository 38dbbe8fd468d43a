using System.Globalization;
using StackExchange.Redis;
using Weir.State.Documents;

namespace Weir.State.Redis;

/// <summary>
/// Redis' time, extrapolated by this process's monotonic clock between answers. An answer computed somewhere between sending and
/// receiving bounds it on both sides: the estimate is never below the lower bound, and never above the upper one except
/// where that would mean to step back; then it stands still.
/// </summary>
internal sealed class RedisClock(RedisConnection connection, TimeProvider time) : IStoreClock
{
    private readonly Lock _lock = new();
    private long _base;
    private long _baseTimestamp = time.GetTimestamp();
    private long _last;

    public DateTimeOffset Now
    {
        get
        {
            lock (_lock)
                return Revisions.Time(Advance(time.GetTimestamp()));
        }
    }

    public async ValueTask<DateTimeOffset> ReadAsync(CancellationToken cancellationToken = default)
    {
        await connection.RepeatAsync(AskAsync, cancellationToken);
        return Now;
    }

    /// <summary>Asks once.</summary>
    public async ValueTask ProbeAsync(TimeSpan limit, CancellationToken cancellationToken) => await connection.CallAsync(AskAsync, limit, cancellationToken);

    /// <param name="micros">What the store said.</param>
    /// <param name="sent">When it was asked, by this process's monotonic clock.</param>
    public void Observe(long micros, long sent)
    {
        var received = time.GetTimestamp();
        var upper = micros + Micros(sent, received);
        lock (_lock)
        {
            var estimate = _base + Micros(_baseTimestamp, received);
            if (estimate < micros || estimate > upper)
                (_base, _baseTimestamp) = (estimate < micros ? micros : upper, received);
            Advance(received);
        }
    }

    private async Task<bool> AskAsync(IDatabase database)
    {
        var sent = time.GetTimestamp();
        var parts = (string[])(await database.ExecuteAsync("TIME"))!;
        Observe((long.Parse(parts[0], CultureInfo.InvariantCulture) * 1_000_000) + long.Parse(parts[1], CultureInfo.InvariantCulture), sent);
        return true;
    }

    private long Advance(long timestamp) => _last = Math.Max(_last, _base + Micros(_baseTimestamp, timestamp));

    private long Micros(long from, long to) => time.GetElapsedTime(from, to).Ticks / TimeSpan.TicksPerMicrosecond;
}
