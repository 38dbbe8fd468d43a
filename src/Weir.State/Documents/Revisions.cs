namespace Weir.State.Documents;

/// <summary>
/// How revisions are numbered: microseconds of store time, or one more than the last where that is higher. They only grow;
/// and a store that comes back from an old copy, or loses its tail, goes on above everything it had ever given out, even
/// where nobody is left who remembers what that was. They fit the 53 bits that JSON readers and Lua keep exactly.
/// </summary>
internal static class Revisions
{
    /// <summary>How far above a revision already seen a store is advanced that was found behind it.</summary>
    public const long Advance = 1_000_000;

    public static long Next(long last, DateTimeOffset storeTime) => Math.Max(last + 1, Micros(storeTime));

    public static long Micros(DateTimeOffset time) => (time.UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset Time(long micros) => new(DateTime.UnixEpoch.Ticks + (micros * TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
}
