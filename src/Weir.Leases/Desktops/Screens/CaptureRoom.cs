using System.Threading.RateLimiting;

namespace Weir.Leases.Desktops.Screens;

/// <summary>Room for the captures of all desktops together: who finds none waits, so that many large screens at once do not take all memory.</summary>
internal sealed class CaptureRoom : IDisposable
{
    private const int Room = 256;
    private const int MostWaiting = 16 * Room;

    // The pixels, and a picture of them that cannot be made any smaller while it is being copied.
    private const int BytesPerPixel = 10;

    private readonly ConcurrencyLimiter _megabytes = new(new ConcurrencyLimiterOptions { PermitLimit = Room, QueueLimit = MostWaiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst });

    public static LeaseError Full { get; } = new(429, "queue_full", "Too many screenshots of all desktops are being taken.") { RetryAfter = TimeSpan.FromSeconds(1) };

    /// <returns>The place, given back when disposed; not acquired where too many wait.</returns>
    public ValueTask<RateLimitLease> TakeAsync(ScreenSize size, CancellationToken cancellationToken) =>
        _megabytes.AcquireAsync(Math.Min(Room, 1 + (int)(size.Width * (long)size.Height * BytesPerPixel >> 20)), cancellationToken);

    public void Dispose() => _megabytes.Dispose();
}
