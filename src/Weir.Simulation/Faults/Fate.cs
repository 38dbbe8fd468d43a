namespace Weir.Simulation.Faults;

internal enum FateKind
{
    Answer,
    Error,
    Reset,
    Hang,
    Cut,
    Stall,
    Truncate,
}

/// <summary>What becomes of one request, drawn before it is answered.</summary>
/// <param name="Kind">The kind of ending.</param>
/// <param name="Status">The status of an <see cref="FateKind.Error"/>.</param>
/// <param name="Latency">Time to the first byte.</param>
/// <param name="Point">How far into the answer it breaks off, 0 to 1, for those that do.</param>
/// <param name="Id">A number for the ids in the answer, different for every request of one seed.</param>
internal readonly record struct Fate(FateKind Kind, int Status, TimeSpan Latency, double Point, ulong Id)
{
    public static Fate Draw(SimulationOptions options, long ordinal)
    {
        var dice = new Dice(options.Seed, ordinal);
        var id = dice.Next();
        var latency = options.Latency + options.LatencyJitter * (2 * dice.NextDouble() - 1);
        if (latency < TimeSpan.Zero)
            latency = TimeSpan.Zero;
        var point = dice.NextDouble();

        var before = dice.NextDouble();
        if ((before -= options.ErrorRate) < 0)
            return new(FateKind.Error, options.ErrorStatuses[(int)(dice.NextDouble() * options.ErrorStatuses.Count)], latency, point, id);
        if ((before -= options.ResetRate) < 0)
            return new(FateKind.Reset, 0, latency, point, id);
        if (before - options.HangRate < 0)
            return new(FateKind.Hang, 0, latency, point, id);

        var within = dice.NextDouble();
        if ((within -= options.CutRate) < 0)
            return new(FateKind.Cut, 0, latency, point, id);
        if ((within -= options.StallRate) < 0)
            return new(FateKind.Stall, 0, latency, point, id);
        if (within - options.TruncateRate < 0)
            return new(FateKind.Truncate, 0, latency, point, id);
        return new(FateKind.Answer, 0, latency, point, id);
    }
}
