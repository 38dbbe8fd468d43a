using System.Buffers.Binary;
using System.Numerics;

namespace Weir.Inference.Routing.Balancing;

/// <summary>A hash that is the same in every process and on every replica. Fast, and no protection against who wants collisions.</summary>
internal static class StableHash
{
    private const ulong Seed = 0x9E3779B97F4A7C15;
    private const ulong Odd = 0xD6E8FEB86659FD93;

    public static ulong Of(ReadOnlySpan<byte> bytes, ulong seed = 0)
    {
        var hash = Seed ^ seed ^ (ulong)bytes.Length;
        while (bytes.Length >= sizeof(ulong))
        {
            hash = BitOperations.RotateLeft((hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes)) * Odd, 29);
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var one in bytes)
        {
            hash = BitOperations.RotateLeft((hash ^ one) * Odd, 29);
        }

        return Mix(hash);
    }

    /// <summary>Spreads every bit over all others: the finisher of splitmix64.</summary>
    public static ulong Mix(ulong hash)
    {
        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EB;
        return hash ^ (hash >> 31);
    }
}
