using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Weir.State.Redis;

/// <summary>
/// The connection to Redis. The client sends for ever and has no time limit of its own on asynchronous calls, so every call gets one
/// here, and every failure says how far it came.
/// </summary>
internal sealed partial class RedisConnection : IAsyncDisposable
{
    /// <summary>How long a read tries.</summary>
    public static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    private readonly ConnectionMultiplexer _multiplexer;
    private readonly IDatabase _database;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private volatile bool _available = true;

    private RedisConnection(ConnectionMultiplexer multiplexer, RedisAddress address, TimeProvider time, ILogger logger)
    {
        (_multiplexer, _time, _logger) = (multiplexer, time, logger);
        _database = multiplexer.GetDatabase(address.Database);
        multiplexer.ConnectionFailed += (_, e) => LogLost(address, e.FailureType);
        multiplexer.ConnectionRestored += (_, _) =>
        {
            LogRestored(address);
            Restored?.Invoke();
        };
    }

    /// <summary>A lost connection is there again.</summary>
    public event Action? Restored;

    /// <summary>Whether the last call was answered.</summary>
    public bool Available => _available;

    public ISubscriber Subscriber => _multiplexer.GetSubscriber();

    /// <exception cref="StoreUnavailableException">It cannot be reached, or refuses the password; the message says what to do.</exception>
    public static async ValueTask<RedisConnection> ConnectAsync(
        RedisAddress address, StateOptions options, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        var settings = new ConfigurationOptions
        {
            AbortOnConnectFail = false,
            AllowAdmin = false,
            ClientName = "weir",
            ConfigurationChannel = "",
            ConnectRetry = 1,
            ConnectTimeout = (int)options.OpenTimeout.TotalMilliseconds,
            DefaultDatabase = address.Database,
            KeepAlive = 10,
            Password = string.IsNullOrEmpty(options.RedisPassword) ? null : options.RedisPassword,
            ReconnectRetryPolicy = new LinearRetry(500),
            Ssl = address.Tls,
            SslHost = address.Tls ? address.Host : null,
            SslProtocols = address.Tls ? SslProtocols.Tls12 | SslProtocols.Tls13 : null,
            SyncTimeout = (int)ReadLimit.TotalMilliseconds,
            TieBreaker = "",
        };
        settings.EndPoints.Add(address.Host, address.Port);
        try
        {
            var multiplexer = await ConnectionMultiplexer.ConnectAsync(settings).WaitAsync(options.OpenTimeout, time, cancellationToken);
            var connection = new RedisConnection(multiplexer, address, time, logger);
            try
            {
                await connection.CallAsync(database => database.PingAsync(), ReadLimit, cancellationToken);
                return connection;
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }
        }
        catch (Exception e) when (e is RedisException or TimeoutException or StoreUnavailableException)
        {
            throw await RedisDiagnosis.ExplainAsync(address, options, e, cancellationToken);
        }
    }

    /// <summary>Sends once.</summary>
    /// <exception cref="StoreUnavailableException">With the fault that says whether it may have landed.</exception>
    public async ValueTask<T> CallAsync<T>(Func<IDatabase, Task<T>> call, TimeSpan limit, CancellationToken cancellationToken)
    {
        Task<T>? answer = null;
        try
        {
            answer = call(_database);
            var result = await answer.WaitAsync(limit, _time, cancellationToken);
            _available = true;
            return result;
        }
        catch (RedisServerException e) when (!e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            _available = true;
            throw RedisDiagnosis.Refused(e);
        }
        catch (RedisCommandException e)
        {
            throw RedisDiagnosis.NotSent(e, _database.Database);
        }
        catch (RedisConnectionException e)
        {
            _available = false;
            throw new StoreUnavailableException($"Redis cannot be reached: {e.FailureType}.", e)
            {
                Fault = e.FailureType == ConnectionFailureType.UnableToResolvePhysicalConnection ? StoreFault.NotSent : StoreFault.Unanswered,
            };
        }
        catch (TimeoutException e)
        {
            _available = false;
            throw new StoreUnavailableException($"Redis did not answer within {limit.TotalSeconds:0.0} s.", e) { Fault = StoreFault.TimedOut };
        }
        catch (ObjectDisposedException e)
        {
            throw new StoreUnavailableException("The store was closed.", e);
        }
        finally
        {
            // An answer that comes after we stopped waiting, or never, is nobody's unobserved exception.
            if (answer is { IsCompletedSuccessfully: false })
                _ = answer.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    /// <summary>Runs a script by its digest; the server says when it does not hold it (any more), and did nothing then.</summary>
    public async ValueTask<RedisResult> EvaluateAsync(
        RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            return await CallAsync(database => database.ScriptEvaluateAsync(script.Hash, keys, arguments), limit, cancellationToken);
        }
        catch (RedisServerException)
        {
            await CallAsync(database => database.ExecuteAsync("SCRIPT", "LOAD", script.Source), limit, cancellationToken);
            try
            {
                return await CallAsync(database => database.ScriptEvaluateAsync(script.Hash, keys, arguments), limit, cancellationToken);
            }
            catch (RedisServerException e)
            {
                throw new StoreUnavailableException("Redis forgets scripts as soon as they are loaded: another client flushes them.", e) { Fault = StoreFault.NotSent };
            }
        }
    }

    /// <summary>For what may be sent twice: tries for <see cref="ReadLimit"/>.</summary>
    public async ValueTask<T> RepeatAsync<T>(Func<IDatabase, Task<T>> call, CancellationToken cancellationToken)
    {
        return await RepeatAsync(limit => CallAsync(call, limit, cancellationToken), cancellationToken);
    }

    public ValueTask<RedisResult> RepeatAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken) =>
        RepeatAsync(limit => EvaluateAsync(script, keys, arguments, limit, cancellationToken), cancellationToken);

    /// <summary>How long to pause before the next try: longer each time, never past what is left.</summary>
    public async ValueTask<TimeSpan> PauseAsync(TimeSpan pause, TimeSpan left, CancellationToken cancellationToken)
    {
        pause = pause == default ? FirstPause : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
        await Task.Delay(pause < left ? pause : left, _time, cancellationToken);
        return pause;
    }

    public async ValueTask DisposeAsync()
    {
        // Closing waits for answers otherwise, which a stopped server never gives.
        await Task.Run(() => _multiplexer.Close(allowCommandsToComplete: false));
        _multiplexer.Dispose();
    }

    private async ValueTask<T> RepeatAsync<T>(Func<TimeSpan, ValueTask<T>> call, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var pause = TimeSpan.Zero;
        while (true)
        {
            var left = ReadLimit - _time.GetElapsedTime(started);
            try
            {
                return await call(left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1));
            }
            catch (StoreUnavailableException e) when (e.Fault is StoreFault.NotSent or StoreFault.Unanswered && _time.GetElapsedTime(started) < ReadLimit)
            {
                pause = await PauseAsync(pause, left, cancellationToken);
            }
        }
    }

    [LoggerMessage(EventName = "RedisConnectionLost", Level = LogLevel.Warning, Message = "The connection to {Address} was lost: {Failure}.")]
    private partial void LogLost(RedisAddress address, ConnectionFailureType failure);

    [LoggerMessage(EventName = "RedisConnectionRestored", Level = LogLevel.Information, Message = "The connection to {Address} is there again.")]
    private partial void LogRestored(RedisAddress address);
}
