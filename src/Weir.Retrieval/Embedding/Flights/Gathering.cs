namespace Weir.Retrieval.Embedding.Flights;

/// <summary>One caller who waits for vectors from several flights: one task however many they are. The first error ends the wait.</summary>
internal sealed class Gathering(int slots, bool isBackground) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
{
    private int _missing = slots;
    private FlightFailure? _failure;

    public bool IsBackground => isBackground;

    /// <summary>By slot; default where it did not come.</summary>
    public FlightOutcome[] Outcomes { get; } = new FlightOutcome[slots];

    /// <summary>What it waits for.</summary>
    public List<Flight> Flights { get; } = [];

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
