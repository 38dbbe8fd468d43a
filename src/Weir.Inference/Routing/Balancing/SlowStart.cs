namespace Weir.Inference.Routing.Balancing;

/// <summary>
/// Lets a deployment that has recovered warm up: its weight and its room begin at a tenth and are whole again after 30 s. It begins when its
/// breaker has closed; after a pause or a refused key nothing needs to warm up, and the working limit knows by itself.
/// </summary>
internal sealed class SlowStart(TimeProvider time)
{
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(30);
    public const double Least = 0.1;

    // 0: not warming up. Else the timestamp of the beginning, plus one.
    private long _since;

    /// <summary>From <see cref="Least"/> to 1, which it nearly always is.</summary>
    public double Share
    {
        get
        {
            var since = Volatile.Read(ref _since);
            if (since == 0)
            {
                return 1;
            }

            var share = Least + ((1 - Least) * (time.GetElapsedTime(since - 1) / Length));
            if (share < 1)
            {
                return share;
            }

            Interlocked.CompareExchange(ref _since, 0, since);
            return 1;
        }
    }

    public void Begin() => Volatile.Write(ref _since, time.GetTimestamp() + 1);
}
