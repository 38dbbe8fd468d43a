using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Retrieval.Embedding.Caching;

/// <summary>Writes vectors to the state store behind the answers, many at once and within a second. What comes while too much waits is left out and counted.</summary>
internal sealed partial class VectorWriter(ICacheStore store, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>How long the first of a batch waits for others.</summary>
    public static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(250);

    public const long MostBytes = 32L << 20;

    private const int BatchEntries = 256;
    private const int EntryOverhead = 128;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ClosingPatience = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger = logger;
    private readonly Lock _sync = new();
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

        while (true)
        {
            await _turn.WaitAsync();
            try
            {
                var batch = Take();
                if (batch.Count == 0)
                    return;
                await WriteAsync(batch);
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    private async ValueTask WriteAsync(List<CacheEntry> batch)
    {
        var written = 0;
        try
        {
            written = await store.SetManyAsync(StoredVectors.Space, batch).AsTask().WaitAsync(Patience, time);
            _failing = false;
        }
        catch (Exception e)
        {
            if (!_failing)
                LogFailed(e.Message, batch.Count);
            _failing = true;
        }

        lock (_sync)
        {
            _written += written;
            _dropped += batch.Count - written;
        }
    }

    /// <summary>Empty where nothing waits: then the writer has ended, and the next entry begins a new one.</summary>
    private List<CacheEntry> Take()
    {
        var batch = new List<CacheEntry>();
        lock (_sync)
        {
            while (batch.Count < BatchEntries && _waiting.TryDequeue(out var entry))
            {
                batch.Add(entry);
                _waitingBytes -= BytesOf(entry);
            }

            _isWriting = batch.Count > 0;
        }

        return batch;
    }

    private static long BytesOf(in CacheEntry entry) => entry.Key.Length + entry.Value.Length + EntryOverhead;

    [LoggerMessage(EventName = "EmbeddingsNotStored", Level = LogLevel.Warning, Message = "{Count} embeddings were not written to the state store: {Reason}")]
    private partial void LogFailed(string reason, int count);
}

/// <param name="Pending">Vectors that wait.</param>
/// <param name="Written">Vectors that were written.</param>
/// <param name="Dropped">Vectors that were not.</param>
internal readonly record struct VectorWriterCounts(int Pending, long Written, long Dropped);
