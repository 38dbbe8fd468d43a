namespace Weir.Retrieval.Vectors;

/// <summary>
/// Threads that searches borrow beside their callers'. There is one account for the process, since its processors are one: however many searches run at once,
/// their helpers are fewer than the processors, and a search that gets none does its work alone.
/// </summary>
internal static class ScanHelpers
{
    private static int _free = Environment.ProcessorCount - 1;

    /// <summary>Up to <paramref name="wanted"/>, to be returned.</summary>
    public static int Take(int wanted)
    {
        while (true)
        {
            var free = Volatile.Read(ref _free);
            var taken = Math.Min(free, wanted);
            if (taken <= 0)
                return 0;
            if (Interlocked.CompareExchange(ref _free, free - taken, free) == free)
                return taken;
        }
    }

    public static void Return(int taken) => Interlocked.Add(ref _free, taken);
}
