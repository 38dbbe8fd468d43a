namespace Weir.State;

/// <summary>Store time, extrapolated monotonically between contacts with the store.</summary>
public interface IStoreClock
{
    /// <summary>An estimate without I/O, never ahead of the store by more than the drift of one replica's monotonic clock.</summary>
    DateTimeOffset Now { get; }

    /// <summary>Asks the store.</summary>
    ValueTask<DateTimeOffset> ReadAsync(CancellationToken cancellationToken = default);
}
