namespace Weir.Leases.Doors;

/// <summary>Reads what another wrote, and no more than was agreed.</summary>
internal static class BoundedBody
{
    /// <returns>Null: there is more than <paramref name="most"/> bytes of it.</returns>
    public static async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(Stream from, int most, CancellationToken cancellationToken)
    {
        var (held, length) = await ReadStartAsync(from, most + 1, cancellationToken);
        // Written out: null beside a Memory<byte> in one expression would be an empty one.
        if (length > most)
            return null;
        return held.AsMemory(0, length);
    }

    /// <summary>The first bytes of it, at most <paramref name="most"/>.</summary>
    public static async ValueTask<ReadOnlyMemory<byte>> ReadStartOfAsync(Stream from, int most, CancellationToken cancellationToken)
    {
        var (held, length) = await ReadStartAsync(from, most, cancellationToken);
        return held.AsMemory(0, length);
    }

    private static async ValueTask<(byte[] Held, int Length)> ReadStartAsync(Stream from, int most, CancellationToken cancellationToken)
    {
        var held = new byte[Math.Min(most, 4096)];
        var length = 0;
        while (await from.ReadAsync(held.AsMemory(length), cancellationToken) is var read and > 0)
        {
            length += read;
            if (length == most)
                break;
            if (length == held.Length)
                Array.Resize(ref held, (int)Math.Min(most, held.Length * 2L));
        }

        return (held, length);
    }
}
