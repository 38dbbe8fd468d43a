using Weir.Retrieval.Embedding.Flights;

namespace Weir.Retrieval.Embedding.Encoders;

/// <summary>
/// What waits for an encoder, in three lanes, each by priority: what somebody waits for, what is longer than a whole batch, and the background. Long texts and the
/// background never hold the last of several encoders; the background comes when nothing else waits. Not safe by itself: its pool locks.
/// </summary>
internal sealed class EncoderQueue(EncoderSettings settings)
{
    private readonly EncoderLane _interactive = new();
    private readonly EncoderLane _long = new();
    private readonly EncoderLane _background = new();
    // What is in a lane and counted: one that was hurried stands there more than once.
    private readonly HashSet<Flight> _counted = [];
    private bool _longIsNext;

    public int Inputs => _counted.Count;

    public long Bytes { get; private set; }

    /// <summary>In estimated tokens.</summary>
    public long Cost { get; private set; }

    /// <summary>Whether so much more may wait. Whatever comes to an empty queue may.</summary>
    public bool HasRoomFor(int inputs, long bytes) =>
        Inputs == 0 || (Inputs + inputs <= settings.MaxInputs && Bytes + bytes <= settings.MaxBytes);

    public void Add(Flight flight, TimeSpan now)
    {
        _counted.Add(flight);
        Bytes += flight.InputBytes;
        Cost += flight.Cost;
        LaneOf(flight).Enter(flight, now);
    }

    /// <summary>It moves to where it would stand with the priority that it has now. False: it does not wait here.</summary>
    public bool Hurry(Flight flight, TimeSpan now)
    {
        if (!_counted.Contains(flight))
            return false;
        LaneOf(flight).Enter(flight, now);
        return true;
    }

    /// <summary>What one encoder does next; nothing where nothing waits, or all that waits has to leave the last encoder free.</summary>
    /// <param name="batch">Empty; takes it.</param>
    /// <param name="slowEncoders">Encoders that are busy with long texts or the background.</param>
    /// <returns>Whether this is a long text or the background.</returns>
    public bool Take(List<Flight> batch, int slowEncoders)
    {
        var slowMayRun = SlowMayRun(slowEncoders);
        SkipAll();
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

    /// <summary>Whether another encoder would find something to do.</summary>
    public bool HasWork(int slowEncoders)
    {
        SkipAll();
        return _interactive.Count > 0 || (_counted.Count > 0 && SlowMayRun(slowEncoders));
    }

    /// <summary>Takes all that waits.</summary>
    public void Empty(List<Flight> left)
    {
        left.AddRange(_counted);
        _counted.Clear();
        _interactive.Clear();
        _long.Clear();
        _background.Clear();
        (Bytes, Cost) = (0, 0);
    }

    private bool SlowMayRun(int slowEncoders) => slowEncoders < Math.Max(1, settings.MaxThreads - 1);

    private EncoderLane LaneOf(Flight flight) =>
        flight.IsBackground ? _background : flight.Cost > settings.BatchTokens ? _long : _interactive;

    private void Take(EncoderLane lane, List<Flight> batch)
    {
        var tokens = 0L;
        while (lane.First is { } flight && (batch.Count == 0 || tokens + flight.Cost <= settings.BatchTokens))
        {
            lane.RemoveFirst();
            if (!_counted.Remove(flight))
                continue;
            Bytes -= flight.InputBytes;
            Cost -= flight.Cost;
            tokens += flight.Cost;
            batch.Add(flight);
        }
    }

    private void SkipAll()
    {
        Skip(_interactive);
        Skip(_long);
        Skip(_background);
    }

    /// <summary>Those in front that were taken from another place.</summary>
    private void Skip(EncoderLane lane)
    {
        while (lane.First is { } flight && !_counted.Contains(flight))
            lane.RemoveFirst();
    }
}
