using Weir.Retrieval.Embedding.Caching;

namespace Weir.Retrieval.Embedding.Flights;

/// <summary>
/// The vectors that are being made, by key: at most one flight each. A request's misses are entered under one lock. Whoever leaves, be it the first,
/// leaves alone; what nobody waits for is not begun, and what can be called back is called back when the last has left.
/// </summary>
/// <param name="cache">Looked at again under the lock: what has just landed is there.</param>
internal sealed class FlightTable(VectorCache cache)
{
    private readonly Lock _sync = new();
    private readonly Dictionary<VectorKey, Flight> _flights = [];

    public int Count
    {
        get
        {
            lock (_sync)
                return _flights.Count;
        }
    }

    public bool Contains(in VectorKey key)
    {
        lock (_sync)
            return _flights.ContainsKey(key);
    }

    /// <summary>Every miss joins its flight, or finds its vector after all, or becomes a flight of the group.</summary>
    public Boarding Board(Gathering who, IReadOnlyList<Missing> misses, FlightGroup group)
    {
        var (hits, joined) = (0, 0);
        List<Flight>? hurried = null, behind = null;
        lock (_sync)
        {
            foreach (var miss in misses)
            {
                if (_flights.TryGetValue(miss.Key, out var flight))
                {
                    joined++;
                    if (Join(flight, who, miss.Slot))
                        (hurried ??= []).Add(flight);
                    if (flight.Group is { IsRouted: true, Asker.IsBackground: true } && !who.IsBackground)
                        (behind ??= []).Add(flight);
                }
                else if (cache.TryGet(miss.Key, group.Settings.Precision, group.Length, out var vector))
                {
                    hits++;
                    who.Deliver(miss.Slot, new FlightOutcome(vector.ToFloats(), vector.Tokens), null);
                }
                else
                {
                    flight = new Flight(miss.Key, miss.Input, group);
                    who.Places.Add(flight.Board(who, miss.Slot));
                    group.Flights.Add(flight);
                    _flights.Add(miss.Key, flight);
                }
            }

            group.Open = group.Wanted = group.Flights.Count;
        }

        return new Boarding(hits, joined, hurried, behind);
    }

    /// <summary>The caller waits no more, for whatever reason.</summary>
    public void Leave(Gathering who)
    {
        List<FlightGroup>? closed = null;
        List<FlightGroup>? abandoned = null;
        lock (_sync)
        {
            foreach (var place in who.Places)
            {
                // Who was on what has ended is aboard no more.
                var flight = place.Flight;
                if (!IsOpen(flight))
                    continue;
                flight.Leave(place);
                if (flight.IsWanted)
                    continue;
                var group = flight.Group;
                group.Wanted--;
                if (flight.State == FlightState.Waiting)
                    Drop(flight);
                if (group.Wanted == 0 && group.IsRouted)
                    group.Flights.ForEach(DropIfOpen);
                if (group.Open == 0)
                    (closed ??= []).Add(group);
                if (group.Open == 0 && group.Wanted == 0)
                    (abandoned ??= []).Add(group);
            }

            who.Places.Clear();
        }

        abandoned?.ForEach(group => group.Abandon());
        closed?.ForEach(group => group.Close());
    }

    /// <summary>Whether it is to be made, by the caller alone. False: nobody wants it, or somebody makes it.</summary>
    public bool TryTake(Flight flight)
    {
        lock (_sync)
            return Take(flight);
    }

    /// <summary>Those of a group that are to be made.</summary>
    public List<Flight> TakeAll(FlightGroup group)
    {
        lock (_sync)
            return group.Flights.FindAll(Take);
    }

    /// <summary>Those that are still being made and that nobody has asked for again; they are taken as asked for again.</summary>
    public List<Flight> Overtake(IEnumerable<Flight> flights)
    {
        var overtaken = new List<Flight>();
        lock (_sync)
        {
            foreach (var flight in flights)
            {
                if (flight.State != FlightState.Taken || flight.IsOvertaken)
                    continue;
                flight.IsOvertaken = true;
                overtaken.Add(flight);
            }
        }

        return overtaken;
    }

    /// <summary>The second asking came to nothing.</summary>
    public void FallBack(List<Flight> overtaken)
    {
        lock (_sync)
            overtaken.ForEach(static flight => flight.IsOvertaken = false);
    }

    public long DeadlineOf(FlightGroup group)
    {
        lock (_sync)
            return group.Deadline;
    }

    /// <summary>Those of a group that somebody is to make.</summary>
    public List<Flight> Waiting(FlightGroup group)
    {
        lock (_sync)
            return group.Flights.FindAll(flight => flight.State == FlightState.Waiting);
    }

    /// <summary>It has ended. What was made is in the cache before: whoever asks from now on finds it there.</summary>
    public void Land(Flight flight, in FlightOutcome outcome)
    {
        Passenger? waiting;
        bool isLast;
        lock (_sync)
        {
            if (!IsOpen(flight))
                return;
            if (flight.IsWanted)
                flight.Group.Wanted--;
            End(flight, FlightState.Landed);
            waiting = flight.Unload();
            isLast = flight.Group.Open == 0;
        }

        for (; waiting is not null; waiting = waiting.Older)
            waiting.Who.Deliver(waiting.Slot, outcome, flight.Group);

        if (!isLast)
            return;
        // Of the two calls, the later one is of no use.
        if (flight.IsOvertaken)
            flight.Group.Abandon();
        flight.Group.Close();
    }

    /// <summary>Whether it is wanted sooner than it was.</summary>
    private static bool Join(Flight flight, Gathering who, int slot)
    {
        if (!flight.IsWanted)
            flight.Group.Wanted++;
        who.Places.Add(flight.Board(who, slot));
        flight.Group.Deadline = Math.Max(flight.Group.Deadline, who.Deadline);
        var isSooner = (flight.IsBackground && !who.IsBackground) || (flight.IsBackground == who.IsBackground && who.Priority > flight.Priority);
        if (!isSooner)
            return false;
        flight.Priority = flight.IsBackground == who.IsBackground ? Math.Max(flight.Priority, who.Priority) : who.Priority;
        flight.IsBackground = who.IsBackground;
        return flight.State == FlightState.Waiting;
    }

    private static bool IsOpen(Flight flight) => flight.State is FlightState.Waiting or FlightState.Taken;

    private static bool Take(Flight flight)
    {
        if (flight.State != FlightState.Waiting)
            return false;
        flight.State = FlightState.Taken;
        return true;
    }

    private void DropIfOpen(Flight flight)
    {
        if (IsOpen(flight))
            Drop(flight);
    }

    private void Drop(Flight flight) => End(flight, FlightState.Dropped);

    private void End(Flight flight, FlightState state)
    {
        flight.State = state;
        flight.Group.Open--;
        _flights.Remove(flight.Key);
    }
}

/// <summary>A vector that a request lacks.</summary>
/// <param name="Slot">Its place among the different ones that the request lacks.</param>
/// <param name="Key">What it is.</param>
/// <param name="Input">What it is made of.</param>
internal readonly record struct Missing(int Slot, VectorKey Key, EmbeddingInput Input);

/// <summary>What became of a request's misses; the rest are flights of its group.</summary>
/// <param name="Hits">Had just been made.</param>
/// <param name="Joined">Were being made.</param>
/// <param name="Hurried">Were waiting, and are wanted sooner now.</param>
/// <param name="Behind">Are asked of a provider in the background, which somebody interactive waits for now.</param>
internal readonly record struct Boarding(int Hits, int Joined, List<Flight>? Hurried, List<Flight>? Behind);
