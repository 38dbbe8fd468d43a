using Weir.Simulation.Answers;
using Weir.Simulation.Control;
using Weir.Simulation.Faults;

namespace Weir.Simulation;

/// <summary>The state of one simulated provider: its settings, its counts and the order of its requests.</summary>
internal sealed class Simulator(SimulationOptions options, TimeProvider time)
{
    private readonly Lock _changing = new();
    private volatile Sequence _sequence = new(options);

    public TimeProvider Time => time;

    public SimulationStats Stats { get; } = new();

    public RequestBucket Bucket { get; } = new(time);

    public PromptCache Cache { get; } = new();

    public SimulationOptions Settings => _sequence.Options;

    /// <summary>The next request's fate and the settings it was drawn under.</summary>
    public (SimulationOptions Options, Fate Fate) Draw()
    {
        var sequence = _sequence;
        return (sequence.Options, Fate.Draw(sequence.Options, sequence.Next()));
    }

    /// <summary>Swaps the settings, unless the new ones have faults, which are returned.</summary>
    /// <param name="change">From the present settings to new ones.</param>
    /// <param name="restart">Whether the sequence of fates starts again.</param>
    public IReadOnlyList<string> Change(Func<SimulationOptions, SimulationOptions> change, bool restart)
    {
        lock (_changing)
        {
            var changed = change(_sequence.Options);
            var faults = changed.Validate();
            if (faults.Count == 0)
                _sequence = new(changed, restart ? null : _sequence);
            return faults;
        }
    }

    /// <summary>Settings and the ordinal of the last request, swapped together.</summary>
    private sealed class Sequence(SimulationOptions options, Sequence? from = null)
    {
        private long _last = from is null ? 0 : Interlocked.Read(ref from._last);

        public SimulationOptions Options => options;

        public long Next() => Interlocked.Increment(ref _last);
    }
}
