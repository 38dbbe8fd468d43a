using Microsoft.Extensions.Logging;
using Weir.Retrieval.Embedding.Flights;

namespace Weir.Retrieval.Embedding.Encoders;

/// <summary>
/// The threads on which local models run: as many as there is work for, between one and the number of processors. An input never waits for
/// company where an encoder is free: whatever came while the encoders were busy is taken together, up to a budget of tokens, and another encoder
/// begins where that lasts. The queue is bounded.
/// </summary>
internal sealed partial class EncoderPool
{
    private static readonly TimeSpan ShortestRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(60);

    private readonly EncoderSettings _settings;
    private readonly Func<Flight, bool> _take;
    private readonly Action<Flight> _encode;
    private readonly Action<int> _batched;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _sync = new();
    private readonly EncoderQueue _queue;
    private readonly ITimer _relief;
    private readonly long _origin;
    private bool _reliefIsSet;
    private int _threads;
    private int _parked;
    private int _slow;
    private int _names;
    private bool _closed;
    private long _refused;
    private double _tokensPerSecond;

    /// <param name="settings">How many threads, and how much may wait.</param>
    /// <param name="take">Whether an input is still to be made, by whoever asks alone.</param>
    /// <param name="encode">Makes it, on a thread of the pool; failures are its own affair.</param>
    /// <param name="batched">Told how many inputs were taken together.</param>
    /// <param name="time">The source of time.</param>
    /// <param name="logger">Where faults are told.</param>
    public EncoderPool(EncoderSettings settings, Func<Flight, bool> take, Action<Flight> encode, Action<int> batched, TimeProvider time, ILogger logger)
    {
        (_settings, _take, _encode, _batched, _time, _logger) = (settings, take, encode, batched, time, logger);
        _queue = new EncoderQueue(settings);
        _origin = time.GetTimestamp();
        _relief = time.CreateTimer(static pool => ((EncoderPool)pool!).Relieve(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Never disposed: a thread may still be on its way to it, and it holds nothing of the system's.</summary>
    private SemaphoreSlim Wake { get; } = new(0);

    /// <returns>Null: they will be made. Else none of them will.</returns>
    public RetrievalError? Enqueue(List<Flight> flights)
    {
        int started;
        lock (_sync)
        {
            if (_closed || !_queue.HasRoomFor(flights.Count, flights.Sum(flight => (long)flight.InputBytes)))
            {
                _refused += flights.Count;
                return EmbeddingErrors.Full(RetryAfter());
            }

            var now = _time.GetElapsedTime(_origin);
            foreach (var flight in flights)
                _queue.Add(flight, now);
            started = Grow();
        }

        Start(started);
        return null;
    }

    /// <summary>Somebody waits for them now to whom they are more urgent.</summary>
    public void Hurry(List<Flight> flights)
    {
        int started;
        lock (_sync)
        {
            var now = _time.GetElapsedTime(_origin);
            foreach (var flight in flights)
                _queue.Hurry(flight, now);
            started = Grow();
        }

        Start(started);
    }

    public EncoderStats Count()
    {
        lock (_sync)
            return new EncoderStats(_threads, _settings.MaxThreads, _queue.Inputs, _queue.Bytes, _refused);
    }

    /// <summary>Threads end with the batch that they are at.</summary>
    /// <returns>What waited and is not made.</returns>
    public List<Flight> Close()
    {
        var left = new List<Flight>();
        lock (_sync)
        {
            _closed = true;
            _queue.Empty(left);
            Wake.Release(_parked + 1);
            _parked = 0;
        }

        _relief.Dispose();

        return left;
    }

    /// <summary>
    /// Wakes the encoder that waits, and says how many more to start: one for each batch that waits, beside those that may be busy for long. Under
    /// the lock.
    /// </summary>
    private int Grow()
    {
        if (_parked > 0)
        {
            _parked--;
            Wake.Release();
        }

        var quick = _threads - _slow;
        var wanted = 1 + Math.Min(_settings.MaxThreads, _queue.Cost / _settings.BatchTokens);
        var started = (int)Math.Clamp(wanted - quick, 0, _settings.MaxThreads - _threads);
        _threads += started;
        SetRelief();
        return started;
    }

    /// <summary>Under the lock.</summary>
    private void SetRelief()
    {
        if (_reliefIsSet || _closed || _threads == _settings.MaxThreads || !_queue.HasWork(_slow))
            return;
        _reliefIsSet = true;
        _relief.Change(_settings.BatchWait, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What waits has waited long enough for the encoders under way: another one begins.</summary>
    private void Relieve()
    {
        lock (_sync)
        {
            _reliefIsSet = false;
            if (_closed || _parked > 0 || _threads == _settings.MaxThreads || !_queue.HasWork(_slow))
                return;
            _threads++;
            SetRelief();
        }

        Start(1);
    }

    private void Start(int count)
    {
        for (var i = 0; i < count; i++)
            new Thread(Run) { IsBackground = true, Name = $"weir-encoder-{Interlocked.Increment(ref _names)}" }.UnsafeStart();
    }

    private void Run()
    {
        var batch = new List<Flight>();
        while (Next(batch, out var isSlow))
        {
            var started = _time.GetTimestamp();
            var tokens = 0L;
            _batched(batch.Count);
            foreach (var flight in batch)
            {
                try
                {
                    if (!_take(flight))
                        continue;
                    tokens += flight.Cost;
                    _encode(flight);
                }
                catch (Exception e)
                {
                    LogFailed(e);
                }
            }

            batch.Clear();
            Done(isSlow, tokens, _time.GetElapsedTime(started));
        }
    }

    /// <summary>Waits for work; false where the thread is to end, because another one is there to wait.</summary>
    private bool Next(List<Flight> batch, out bool isSlow)
    {
        while (true)
        {
            var started = 0;
            lock (_sync)
            {
                isSlow = _queue.Take(batch, _slow);
                if (isSlow)
                {
                    _slow++;
                    if (_queue.Inputs > 0)
                        started = Grow();
                }
                else if (batch.Count == 0)
                {
                    if (_closed || _threads > 1)
                    {
                        _threads--;
                        return false;
                    }

                    _parked++;
                }
            }

            Start(started);
            if (batch.Count > 0)
                return true;
            Wake.Wait();
        }
    }

    private void Done(bool isSlow, long tokens, TimeSpan elapsed)
    {
        lock (_sync)
        {
            _slow -= isSlow ? 1 : 0;
            if (tokens == 0 || elapsed <= TimeSpan.Zero)
                return;
            var rate = tokens / elapsed.TotalSeconds;
            _tokensPerSecond = _tokensPerSecond == 0 ? rate : (_tokensPerSecond * 0.9) + (rate * 0.1);
        }
    }

    /// <summary>As long as what waits will take; under the lock.</summary>
    private TimeSpan RetryAfter()
    {
        if (_tokensPerSecond <= 0)
            return ShortestRetry;
        var seconds = _queue.Cost / _tokensPerSecond / Math.Max(1, _threads);
        return TimeSpan.FromSeconds(Math.Clamp(Math.Ceiling(seconds), ShortestRetry.TotalSeconds, LongestRetry.TotalSeconds));
    }

    [LoggerMessage(EventName = "EncoderFailed", Level = LogLevel.Error, Message = "An encoder failed outside of a model and goes on.")]
    private partial void LogFailed(Exception exception);
}
