namespace Weir.State;

/// <summary>Append-only, checksummed records under a fence: a writer with an older fence is refused, a torn tail is cut at resume.</summary>
public interface ILogStore
{
    /// <summary>Opens the log for appending under <paramref name="fence"/>, cutting a torn tail.</summary>
    /// <exception cref="StaleFenceException">A higher fence has opened it.</exception>
    ValueTask<ILogWriter> OpenAsync(string name, long fence, CancellationToken cancellationToken = default);

    /// <summary>Records in order, from the one numbered <paramref name="from"/> (0: the first).</summary>
    IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(string name, long from = 0, CancellationToken cancellationToken = default);

    ValueTask RemoveAsync(string name, CancellationToken cancellationToken = default);
}

/// <summary>The one writer of a log.</summary>
public interface ILogWriter : IAsyncDisposable
{
    /// <summary>Records in the log; the number that the next one gets.</summary>
    long Count { get; }

    /// <summary>Returns when all of the records are durable.</summary>
    ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> records, CancellationToken cancellationToken = default);
}

/// <summary>Somebody opened the log after this writer, or the log was removed.</summary>
public sealed class StaleFenceException(string message) : Exception(message)
{
    internal static StaleFenceException Of(string name, long fence, long current) =>
        new($"Log '{name}' was opened with fence {fence}, but stands under fence {current} now: whoever holds that one writes it.");
}
