using System.Buffers;

namespace Weir.Leases.Doors.Forwarding;

/// <summary>Hands bytes on as they come, one buffer at a time, which is held only while there are any.</summary>
internal static class StreamRelay
{
    private const int Piece = 32 * 1024;

    /// <param name="from">Read to its end.</param>
    /// <param name="to">Written and flushed piece by piece.</param>
    /// <param name="idle">How long no byte may come. Null: for ever.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="TimeoutException">No byte came for so long.</exception>
    public static async Task CopyAsync(Stream from, Stream to, TimeSpan? idle, TimeProvider time, CancellationToken cancellationToken)
    {
        using var silence = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
        while (true)
        {
            if (idle is { } limit)
                silence.CancelAfter(limit);
            byte[]? buffer = null;
            try
            {
                // Nothing is rented while nothing comes: a read of nothing ends when there is something.
#pragma warning disable CA2022 // It can read no more than that.
                await from.ReadAsync(Memory<byte>.Empty, either.Token);
#pragma warning restore CA2022
                buffer = ArrayPool<byte>.Shared.Rent(Piece);
                var read = await from.ReadAsync(buffer, either.Token);
                if (read == 0)
                    return;
                silence.CancelAfter(Timeout.InfiniteTimeSpan);
                await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                await to.FlushAsync(cancellationToken);
            }
            catch (OperationCanceledException) when (silence.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"No byte came for {idle}.");
            }
            finally
            {
                if (buffer is not null)
                    ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }
}
