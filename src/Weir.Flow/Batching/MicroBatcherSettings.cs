namespace Weir.Flow.Batching;

/// <summary>When a batch is full, and how long it may wait to become so. Immutable.</summary>
public sealed record MicroBatcherSettings
{
    /// <summary>Members of one batch: at least 1. Default 25.</summary>
    public int Size { get; init; } = 25;

    /// <summary>How long a member waits for company while another batch is under way: zero to an hour. Default 5 ms.</summary>
    public TimeSpan Wait { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>The sum of the members' weights (tokens, bytes) in one batch: at least 1. A heavier member goes alone. Null: no bound.</summary>
    public long? MaxWeight { get; init; }

    /// <summary>Batches under way at once: at least 1. Default 8.</summary>
    public int MaxInFlight { get; init; } = 8;

    /// <summary>Members not yet sent: at least 1; more are refused. Default 10,000.</summary>
    public int Queue { get; init; } = 10_000;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Size, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Wait, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Wait, TimeSpan.FromHours(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxWeight ?? 1, 1, nameof(MaxWeight));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxInFlight, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Queue, 1);
    }
}
