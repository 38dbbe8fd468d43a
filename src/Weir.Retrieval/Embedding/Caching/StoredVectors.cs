using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Retrieval.Embedding.Caching;

/// <summary>
/// The vectors that the state store keeps under those in memory, over restarts and for all replicas. It is lossy and so is this: it is asked for a
/// short time only, and after a fault not at all for a while; it is written to behind the answer.
/// </summary>
internal sealed partial class StoredVectors : IAsyncDisposable
{
    /// <summary>The longest that a request waits for one read.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    /// <summary>How long it is left alone after it did not answer.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    public const string Space = "embeddings";

    private const int MostKeys = 512;
    private const int MostReads = 64;

    private readonly ICacheStore? _store;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly VectorWriter? _writer;
    private readonly long _origin;
    private long _restsUntil;
    private int _reads;
    private long _faults;
    private long _corrupt;

    /// <param name="store">Null: there is none, and everything is a miss.</param>
    /// <param name="time">The source of time.</param>
    /// <param name="logger">Where faults are told.</param>
    public StoredVectors(ICacheStore? store, TimeProvider time, ILogger logger)
    {
        (_store, _time, _logger) = (store, time, logger);
        _origin = time.GetTimestamp();
        if (store is not null)
            _writer = new VectorWriter(store, time, logger);
    }

    public bool Exists => _store is not null;

    public VectorWriterCounts Writes => _writer?.Count() ?? default;

    public long Faults => Volatile.Read(ref _faults);

    public long Corrupt => Volatile.Read(ref _corrupt);

    /// <summary>Whether it is left alone, because it did not answer lately.</summary>
    public bool IsResting => _time.GetElapsedTime(_origin).Ticks < Volatile.Read(ref _restsUntil);

    public void Bound(long maxBytes) => _store?.Bound(Space, maxBytes);

    /// <returns>In the order of the keys; null: absent, not what it should be, or not answered in time.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async ValueTask<KeptVector?[]> FindAsync(IReadOnlyList<VectorKey> keys, int dimensions, VectorPrecision precision, CancellationToken cancellationToken)
    {
        var found = new KeptVector?[keys.Count];
        for (var from = 0; from < found.Length && await ReadAsync(keys, from, Math.Min(MostKeys, found.Length - from), cancellationToken) is { } values; from += MostKeys)
        {
            for (var i = 0; i < values.Count; i++)
            {
                if (values[i] is not { } packed)
                    continue;
                if (PackedVector.Unpack(packed.Span, dimensions) is { } vector)
                    found[from + i] = vector.At(precision);
                else
                    Interlocked.Increment(ref _corrupt);
            }
        }

        return found;
    }

    /// <summary>Written within a second, unless too much waits already.</summary>
    public void Keep(in VectorKey key, KeptVector vector) => _writer?.Add(key, vector);

    public async ValueTask<long> ClearAsync(CancellationToken cancellationToken) =>
        _store is null ? 0 : await _writer!.ClearAsync(cancellationToken);

    public ValueTask DisposeAsync() => _writer?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <returns>Null where the store rests or did not answer.</returns>
    private async ValueTask<IReadOnlyList<ReadOnlyMemory<byte>?>?> ReadAsync(
        IReadOnlyList<VectorKey> keys, int from, int count, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_store is null || IsResting)
            return null;
        if (Interlocked.Increment(ref _reads) > MostReads)
        {
            Interlocked.Decrement(ref _reads);
            Interlocked.Increment(ref _faults);
            return null;
        }

        var wanted = new ReadOnlyMemory<byte>[count];
        for (var i = 0; i < count; i++)
            wanted[i] = keys[from + i].ToArray();
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadAsync(wanted, ends.Token);
        try
        {
            return await reading.WaitAsync(Patience, _time, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // A cache that is away is a miss.
            Interlocked.Increment(ref _faults);
            var now = _time.GetElapsedTime(_origin).Ticks;
            if (Interlocked.Exchange(ref _restsUntil, now + Rest.Ticks) <= now)
                LogRests(e.Message, Rest.TotalSeconds);
            await ends.CancelAsync();
            return null;
        }
    }

    /// <summary>On another thread: a store in a file reads on the thread of whoever asks, for as long as the disk takes.</summary>
    private Task<IReadOnlyList<ReadOnlyMemory<byte>?>> ReadAsync(IReadOnlyList<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken)
    {
        var reading = Task.Run(
            async () =>
            {
                try
                {
                    return await _store!.GetManyAsync(Space, keys, cancellationToken);
                }
                finally
                {
                    Interlocked.Decrement(ref _reads);
                }
            },
            CancellationToken.None);
        // One that is given up may still fail, and nobody is there to see it.
        _ = reading.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return reading;
    }

    [LoggerMessage(EventName = "EmbeddingStoreRests", Level = LogLevel.Warning, Message = "Kept embeddings were not read ({Reason}); the store is not asked for {Seconds} s.")]
    private partial void LogRests(string reason, double seconds);
}
