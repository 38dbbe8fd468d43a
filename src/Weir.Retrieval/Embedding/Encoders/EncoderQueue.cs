using Weir.Retrieval.Embedding.Flights;

namespace Weir.Retrieval.Embedding.Encoders;

/// <summary>
/// What waits for an encoder, in three lanes: what somebody waits for, what is longer than a whole batch, and the background. Long texts and the
/// background never hold the last of several encoders; the background comes when nothing else waits. Not safe by itself: its pool locks.
/// </summary>
internal sealed class EncoderQueue(EncoderSettings settings)
{
    private readonly Queue<Flight> _interactive = [];
    private readonly Queue<Flight> _long = [];
    private readonly Queue<Flight> _background = [];
    // What is in a lane and counted: one that was hurried stands in two.
    private readonly HashSet<Flight> _counted = [];
    private bool _longIsNext;

    public int Inputs => _counted.Count;

    public long Bytes { get; private set; }

    /// <summary>In estimated tokens.</summary>
    public long Cost { get; private set; }

    /// <summary>Whether so much more may wait. Whatever comes to an empty queue may.</summary>
    public bool HasRoomFor(int inputs, long bytes) =>
        Inputs == 0 || (Inputs + inputs <= settings.MaxInputs && Bytes + bytes <= settings.MaxBytes);

    public void Add(Flight flight)
    {
        _counted.Add(flight);
        Bytes += flight.InputBytes;
        Cost += flight.Cost;
        LaneOf(flight).Enqueue(flight);
    }

    /// <summary>It moves from the background to where it would stand now. False: it does not wait here.</summary>
    public bool Hurry(Flight flight)
    {
        if (!_counted.Contains(flight))
            return false;
        LaneOf(flight).Enqueue(flight);
        return true;
    }

    /// <summary>What one encoder does next; nothing where nothing waits, or all that waits has to leave the last encoder free.</summary>
    /// <param name="batch">Empty; takes it.</param>
    /// <param name="slowEncoders">Encoders that are busy with long texts or the background.</param>
    /// <returns>Whether this is a long text or the background.</returns>
    public bool Take(List<Flight> batch, int slowEncoders)
    {
        var slowMayRun = slowEncoders < Math.Max(1, settings.MaxThreads - 1);
        Skip(_interactive);
        Skip(_long);
        Skip(_background);
        if (slowMayRun && _long.Count > 0 && (_longIsNext || _interactive.Count == 0))
        {
            _longIsNext = false;
            Take(_long, batch);
            return true;
        }

        _longIsNext = true;
        if (_interactive.Count > 0)
        {
            Take(_interactive, batch);
            return false;
        }

        if (!slowMayRun || _background.Count == 0)
            return false;
        Take(_background, batch);
        return true;
    }

    /// <summary>Takes all that waits.</summary>
    public void Empty(List<Flight> left)
    {
        left.AddRange(_counted);
        _counted.Clear();
        (Bytes, Cost) = (0, 0);
    }

    private Queue<Flight> LaneOf(Flight flight) =>
        flight.IsBackground ? _background : flight.Cost > settings.BatchTokens ? _long : _interactive;

    private void Take(Queue<Flight> lane, List<Flight> batch)
    {
        var tokens = 0L;
        while (lane.TryPeek(out var flight) && (batch.Count == 0 || tokens + flight.Cost <= settings.BatchTokens))
        {
            lane.Dequeue();
            if (!_counted.Remove(flight))
                continue;
            Bytes -= flight.InputBytes;
            Cost -= flight.Cost;
            tokens += flight.Cost;
            batch.Add(flight);
        }
    }

    /// <summary>Those in front that were taken from another lane.</summary>
    private void Skip(Queue<Flight> lane)
    {
        while (lane.TryPeek(out var flight) && !_counted.Contains(flight))
            lane.Dequeue();
    }
}
