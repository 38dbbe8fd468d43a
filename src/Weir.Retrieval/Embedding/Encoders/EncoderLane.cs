using Weir.Retrieval.Embedding.Flights;

namespace Weir.Retrieval.Embedding.Encoders;

/// <summary>Inputs by priority, then by arrival. Not safe by itself: its pool locks.</summary>
internal sealed class EncoderLane
{
    /// <summary>Waiting this long counts as one priority more, as at the gateway's gates: nobody waits for ever behind what is more urgent.</summary>
    public static readonly TimeSpan Ageing = TimeSpan.FromSeconds(5);

    private readonly PriorityQueue<Flight, (long Rank, long Number)> _flights = new();
    private long _number;

    public int Count => _flights.Count;

    /// <param name="flight">Enters with the priority that it has now.</param>
    /// <param name="now">Of the clock that all arrivals are measured by.</param>
    public void Enter(Flight flight, TimeSpan now) =>
        _flights.Enqueue(flight, (now.Ticks - (flight.Priority * Ageing.Ticks), _number++));

    /// <summary>Null: it is empty.</summary>
    public Flight? First => _flights.TryPeek(out var flight, out _) ? flight : null;

    public void RemoveFirst() => _flights.Dequeue();

    public void Clear() => _flights.Clear();
}
