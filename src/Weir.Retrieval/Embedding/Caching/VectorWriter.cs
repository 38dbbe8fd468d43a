using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Retrieval.Embedding.Caching;

/// <summary>
/// Writes vectors to the state store behind the answers, many at once and within a second. What was not written stays and is tried again; what comes
/// while too much waits is left out and counted.
/// </summary>
internal sealed partial class VectorWriter(ICacheStore store, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>How long the first of a batch waits for others.</summary>
    public static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest between two tries; the first comes after <see cref="Linger"/>, and each waits twice as long as the one before.</summary>
    public static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(15);

    public const long MostBytes = 32L << 20;

    // A store that takes a part of a batch again and again does not want the rest.
    private const int MostPartialTries = 5;

    private const int BatchEntries = 256;
    private const int EntryOverhead = 128;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ClosingPatience = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger = logger;
    private readonly Lock _sync = new();
    // What is being written stays in it until it is: nobody but the writer, and in its turn the clearing, takes anything out.
    private readonly Queue<CacheEntry> _waiting = [];
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _closing = new();
    private Task _writing = Task.CompletedTask;
    private bool _isWriting;
    private bool _failing;
    private long _waitingBytes;
    private long _written;
    private long _dropped;

    public VectorWriterCounts Count()
    {
        lock (_sync)
            return new VectorWriterCounts(_waiting.Count, _written, _dropped);
    }

    public void Add(in VectorKey key, KeptVector vector)
    {
        lock (_sync)
        {
            if (_waitingBytes + vector.Bytes > MostBytes || _closing.IsCancellationRequested)
            {
                _dropped++;
                return;
            }
        }

        var entry = new CacheEntry(key.ToArray(), PackedVector.Pack(vector));
        lock (_sync)
        {
            _waiting.Enqueue(entry);
            _waitingBytes += BytesOf(entry);
            if (_isWriting)
                return;
            _isWriting = true;
            _writing = Task.Run(WriteAsync);
        }
    }

    /// <summary>Empties the store's space and what was to be written to it.</summary>
    public async ValueTask<long> ClearAsync(CancellationToken cancellationToken)
    {
        // In turn with the writer: a batch of before does not come after.
        await _turn.WaitAsync(cancellationToken);
        try
        {
            lock (_sync)
            {
                _waiting.Clear();
                _waitingBytes = 0;
            }

            return await store.ClearAsync(StoredVectors.Space, cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Writes what waits, for a few seconds at most.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        Task writing;
        lock (_sync)
            writing = _writing;
        try
        {
            await writing.WaitAsync(ClosingPatience, time);
        }
        catch (TimeoutException)
        {
            LogFailed("the store did not answer before the end", Count().Pending);
        }
    }

    private async Task WriteAsync()
    {
        try
        {
            await Task.Delay(Linger, time, _closing.Token);
        }
        catch (OperationCanceledException)
        {
            // What waits is written at once, and is the last.
        }

        var (backoff, partial) = (Linger, 0);
        while (true)
        {
            bool isDone;
            var isLast = _closing.IsCancellationRequested;
            await _turn.WaitAsync();
            try
            {
                var batch = Next();
                if (batch.Count == 0)
                    return;
                var written = await WriteAsync(batch);
                partial = written is > 0 && written < batch.Count ? partial + 1 : 0;
                // Null: it never takes what it refuses. Of a part nobody knows which: all of it is written again.
                isDone = written is null || written == batch.Count || partial == MostPartialTries || isLast;
                if (isDone)
                    Remove(batch.Count, written ?? 0);
            }
            finally
            {
                _turn.Release();
            }

            if (isDone)
                (backoff, partial) = (Linger, 0);
            else
                backoff = await RestAsync(backoff);
        }
    }

    /// <returns>How many were written; null where the store refuses what they are.</returns>
    private async ValueTask<int?> WriteAsync(List<CacheEntry> batch)
    {
        var reason = "it took a part of them, or none";
        int? written = 0;
        try
        {
            written = await store.SetManyAsync(StoredVectors.Space, batch).AsTask().WaitAsync(Patience, time);
        }
        catch (Exception e)
        {
            reason = e.Message;
            if (e is ArgumentException)
                written = null;
        }

        if (written != batch.Count && !_failing)
            LogFailed(reason, batch.Count);
        _failing = written != batch.Count;
        return written;
    }

    private async ValueTask<TimeSpan> RestAsync(TimeSpan backoff)
    {
        try
        {
            await Task.Delay(backoff, time, _closing.Token);
        }
        catch (OperationCanceledException)
        {
            // Once more, and then what was not written is lost.
        }

        return backoff * 2 < LongestBackoff ? backoff * 2 : LongestBackoff;
    }

    /// <summary>Empty where nothing waits: then the writer has ended, and the next entry begins a new one.</summary>
    private List<CacheEntry> Next()
    {
        lock (_sync)
        {
            List<CacheEntry> batch = [.. _waiting.Take(BatchEntries)];
            _isWriting = batch.Count > 0;
            return batch;
        }
    }

    private void Remove(int count, int written)
    {
        lock (_sync)
        {
            for (var i = 0; i < count; i++)
                _waitingBytes -= BytesOf(_waiting.Dequeue());
            _written += written;
            _dropped += count - written;
        }
    }

    private static long BytesOf(in CacheEntry entry) => entry.Key.Length + entry.Value.Length + EntryOverhead;

    [LoggerMessage(EventName = "EmbeddingsNotStored", Level = LogLevel.Warning, Message = "{Count} embeddings could not be written to the state store; what fits into 32 MiB is kept and tried again: {Reason}")]
    private partial void LogFailed(string reason, int count);
}

/// <param name="Pending">Vectors that wait.</param>
/// <param name="Written">Vectors that were written.</param>
/// <param name="Dropped">Vectors that were not.</param>
internal readonly record struct VectorWriterCounts(int Pending, long Written, long Dropped);
