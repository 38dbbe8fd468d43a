namespace Weir.Simulation.Faults;

/// <summary>
/// The random numbers of one request: a function of the seed and the request's ordinal alone, so that a run can be repeated
/// whatever the order in which its requests are scheduled, and no state is shared between them.
/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
/// </summary>
internal struct Dice(long seed, long ordinal)
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;
    private ulong _state = Mix(unchecked((ulong)seed + Gamma)) ^ Mix(unchecked((ulong)ordinal * Gamma));

    public ulong Next() => Mix(_state = unchecked(_state + Gamma));

    /// <summary>Even in [0, 1).</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
