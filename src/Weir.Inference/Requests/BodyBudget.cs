using System.Diagnostics.Metrics;

namespace Weir.Inference.Requests;

/// <summary>
/// Bounds the memory that request bodies hold together: what each client may send is bounded, how many send at once is not.
/// </summary>
public sealed class BodyBudget
{
    /// <summary>The most that <see cref="LimitHere"/> answers: 1 GiB.</summary>
    public const long Largest = 1L << 30;

    private long _held;

    /// <param name="limit">Bytes, at least 1.</param>
    /// <param name="meters">Where <c>weir.inference.body_bytes</c> is told; null: nowhere.</param>
    public BodyBudget(long limit, IMeterFactory? meters = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        Limit = limit;
        meters?.Create(InferenceMetrics.MeterName).CreateObservableUpDownCounter(
            "weir.inference.body_bytes", () => Held, "By", "Memory held by request bodies; past its bound new ones are refused.");
    }

    /// <summary>A quarter of the memory that this process may use, at most <see cref="Largest"/>; in bytes.</summary>
    public static long LimitHere => Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4, 1, Largest);

    /// <summary>In bytes.</summary>
    public long Limit { get; }

    /// <summary>What bodies hold now, in bytes; for a moment above <see cref="Limit"/> by what is about to be refused.</summary>
    public long Held => Volatile.Read(ref _held);

    /// <summary>True: each of the bytes is given back by one <see cref="Return"/>.</summary>
    internal bool TryReserve(long bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= Limit)
        {
            return true;
        }

        Return(bytes);
        return false;
    }

    internal void Return(long bytes) => Interlocked.Add(ref _held, -bytes);
}
