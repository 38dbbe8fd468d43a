namespace Weir.State.Caching;

/// <summary>What one entry may hold, the same in every store.</summary>
internal static class CacheLimits
{
    public const int KeyBytes = 1 << 10;
    public const int ValueBytes = 1 << 20;

    /// <exception cref="ArgumentException">The key is empty or over 1 KiB, or the value over 1 MiB.</exception>
    public static void Validate(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value)
    {
        if (key.Length is 0 or > KeyBytes)
            throw new ArgumentException($"A cache key has 1 to {KeyBytes} bytes; this one has {key.Length}.");
        if (value.Length > ValueBytes)
            throw new ArgumentException($"A cached value has at most {ValueBytes} bytes (1 MiB); this one has {value.Length}.");
    }

    /// <exception cref="ArgumentException">One of them is out of bounds.</exception>
    public static void Validate(IReadOnlyList<CacheEntry> entries)
    {
        foreach (var (key, value) in entries)
            Validate(key, value);
    }
}
