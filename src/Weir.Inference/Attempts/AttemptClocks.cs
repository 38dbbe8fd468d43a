using System.Collections.Concurrent;

namespace Weir.Inference.Attempts;

/// <summary>
/// Clocks for attempts. Most attempts end well and leave theirs as it was: its timer, its token and what registers at it serve the next one.
/// </summary>
internal sealed class AttemptClocks(TimeProvider time)
{
    /// <summary>Clocks that are kept; about 300 bytes each.</summary>
    private const int Most = 1024;

    private readonly ConcurrentQueue<AttemptClock> _free = new();
    private int _count;

    /// <param name="deadline">What is left of the request's deadline.</param>
    /// <param name="clientGone">Cancelled when the client leaves.</param>
    public AttemptClock Start(TimeSpan deadline, CancellationToken clientGone)
    {
        if (_free.TryDequeue(out var clock))
        {
            Interlocked.Decrement(ref _count);
        }
        else
        {
            clock = new AttemptClock(time, this);
        }

        clock.Begin(deadline, clientGone);
        return clock;
    }

    internal void Return(AttemptClock clock)
    {
        if (Interlocked.Increment(ref _count) <= Most)
        {
            _free.Enqueue(clock);
            return;
        }

        Interlocked.Decrement(ref _count);
        clock.Discard();
    }
}
