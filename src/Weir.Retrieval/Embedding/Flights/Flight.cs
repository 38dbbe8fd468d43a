using Weir.Retrieval.Embedding.Caching;

namespace Weir.Retrieval.Embedding.Flights;

/// <summary>One vector that is being made, and all who wait for it. What may change belongs to the <see cref="FlightTable"/> and its lock.</summary>
internal sealed class Flight(VectorKey key, EmbeddingInput input, FlightGroup group)
{
    private Passenger? _first;
    private List<Passenger>? _others;

    public VectorKey Key => key;

    public EmbeddingInput Input { get; private set; } = input;

    public FlightGroup Group => group;

    public FlightState State { get; set; }

    /// <summary>Only background callers wait for it.</summary>
    public bool IsBackground { get; set; } = group.Asker.IsBackground;

    /// <summary>In tokens, estimated: how long an encoder will be busy with it.</summary>
    public int Cost { get; } = TokenEstimate.Of(input);

    public int InputBytes => Input.IsTokens ? Input.Tokens.Length * sizeof(int) : Input.Utf8.Length;

    /// <summary>Whether anybody waits.</summary>
    public bool IsWanted => _first is not null;

    /// <summary>A copy of the input: whoever brought it may leave, and take its buffers along, while others wait.</summary>
    public void Own() =>
        Input = Input.IsTokens ? EmbeddingInput.OfTokens(Input.Tokens.ToArray()) : EmbeddingInput.OfText(Input.Utf8.ToArray());

    public void Board(Passenger passenger)
    {
        if (_first is null)
            _first = passenger;
        else
            (_others ??= []).Add(passenger);
    }

    public void Leave(Gathering who)
    {
        _others?.RemoveAll(passenger => passenger.Who == who);
        if (_first?.Who != who)
            return;
        _first = _others is { Count: > 0 } ? _others[^1] : null;
        if (_first is not null)
            _others!.RemoveAt(_others.Count - 1);
    }

    /// <summary>Those who wait, for the last time.</summary>
    public (Passenger? First, List<Passenger>? Others) Unload()
    {
        var all = (_first, _others);
        (_first, _others) = (null, null);
        return all;
    }
}

/// <summary>Who waits, and which of its vectors this is.</summary>
internal sealed record Passenger(Gathering Who, int Slot);

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
