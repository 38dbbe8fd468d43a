namespace Weir.Retrieval.Embedding.Flights;

/// <summary>One caller who waits for vectors from several flights: one task however many they are. The first error ends the wait.</summary>
internal sealed class Gathering(int slots, EmbeddingAsker asker, long deadline) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
{
    private int _missing = slots;
    private FlightFailure? _failure;

    public bool IsBackground => asker.IsBackground;

    public int Priority => asker.Priority;

    /// <summary>As <see cref="FlightGroup.Deadline"/>.</summary>
    public long Deadline => deadline;

    /// <summary>By slot; default where it did not come.</summary>
    public FlightOutcome[] Outcomes { get; } = new FlightOutcome[slots];

    /// <summary>Its places on what it waits for; guarded by the <see cref="FlightTable"/>.</summary>
    public List<Passenger> Places { get; } = [];

    /// <summary>Null where nothing failed.</summary>
    public FlightFailure? Failure => Volatile.Read(ref _failure);

    public void Deliver(int slot, in FlightOutcome outcome, FlightGroup? by)
    {
        if (outcome.Error is { } error)
        {
            Interlocked.CompareExchange(ref _failure, new FlightFailure(error, by!), null);
            TrySetResult();
            return;
        }

        Outcomes[slot] = outcome;
        if (Interlocked.Decrement(ref _missing) == 0)
            TrySetResult();
    }
}

/// <summary>What went wrong.</summary>
/// <param name="Error">As the flight ended.</param>
/// <param name="Group">What the flight belonged to.</param>
internal sealed record FlightFailure(RetrievalError Error, FlightGroup Group);

/// <summary>How a flight ended: with a vector, or with an error.</summary>
internal readonly record struct FlightOutcome(ReadOnlyMemory<float> Vector, int Tokens, RetrievalError? Error = null);
