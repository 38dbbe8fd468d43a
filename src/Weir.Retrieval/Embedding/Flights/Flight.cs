using Weir.Retrieval.Embedding.Caching;

namespace Weir.Retrieval.Embedding.Flights;

/// <summary>One vector that is being made, and all who wait for it. What may change belongs to the <see cref="FlightTable"/> and its lock.</summary>
internal sealed class Flight(VectorKey key, EmbeddingInput input, FlightGroup group)
{
    private Passenger? _newest;

    public VectorKey Key => key;

    public EmbeddingInput Input { get; private set; } = input;

    public FlightGroup Group => group;

    public FlightState State { get; set; }

    /// <summary>Only background callers wait for it.</summary>
    public bool IsBackground { get; set; } = group.Asker.IsBackground;

    /// <summary>The highest of those who wait for it, 0 to 9.</summary>
    public int Priority { get; set; } = group.Asker.Priority;

    /// <summary>Whether somebody who would not wait for the background has asked a provider for it again.</summary>
    public bool IsOvertaken { get; set; }

    /// <summary>In tokens, estimated: how long an encoder will be busy with it.</summary>
    public int Cost { get; } = TokenEstimate.Of(input);

    public int InputBytes => Input.IsTokens ? Input.Tokens.Length * sizeof(int) : Input.Utf8.Length;

    /// <summary>Whether anybody waits.</summary>
    public bool IsWanted => _newest is not null;

    /// <summary>A copy of the input: whoever brought it may leave, and take its buffers along, while others wait.</summary>
    public void Own() =>
        Input = Input.IsTokens ? EmbeddingInput.OfTokens(Input.Tokens.ToArray()) : EmbeddingInput.OfText(Input.Utf8.ToArray());

    public Passenger Board(Gathering who, int slot)
    {
        var passenger = new Passenger(this, who, slot) { Older = _newest };
        if (_newest is not null)
            _newest.Newer = passenger;
        return _newest = passenger;
    }

    /// <summary>Of one who is aboard.</summary>
    public void Leave(Passenger passenger)
    {
        if (passenger.Older is { } older)
            older.Newer = passenger.Newer;
        if (passenger.Newer is { } newer)
            newer.Older = passenger.Older;
        else
            _newest = passenger.Older;
    }

    /// <summary>Those who wait, for the last time: the newest, which leads to the others.</summary>
    public Passenger? Unload()
    {
        var newest = _newest;
        _newest = null;
        return newest;
    }
}

/// <summary>Who waits for a flight, and which of its vectors this is: linked, so that whoever leaves a crowd does not look for itself in it.</summary>
internal sealed class Passenger(Flight flight, Gathering who, int slot)
{
    public Flight Flight => flight;

    public Gathering Who => who;

    public int Slot => slot;

    public Passenger? Newer { get; set; }

    public Passenger? Older { get; set; }
}

internal enum FlightState
{
    /// <summary>Nobody has begun to make it.</summary>
    Waiting,

    /// <summary>It is being made.</summary>
    Taken,

    /// <summary>It was made, or failed.</summary>
    Landed,

    /// <summary>Nobody wants it, so nobody makes it.</summary>
    Dropped,
}
