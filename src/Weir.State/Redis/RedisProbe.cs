using Microsoft.Extensions.Logging;

namespace Weir.State.Redis;

/// <summary>Asks the time once a second, so that the clock and <see cref="StoreHealth.Available"/> are fresh, and every half minute how the server is set.</summary>
internal sealed partial class RedisProbe : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);
    private const int Examinations = 30;

    private readonly RedisAddress _address;
    private readonly RedisConnection _connection;
    private readonly RedisClock _clock;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _ends = new();
    private Task _loop = Task.CompletedTask;
    private volatile IReadOnlyList<string> _warnings = [];

    public RedisProbe(RedisAddress address, RedisConnection connection, RedisClock clock, TimeProvider time, ILogger logger) =>
        (_address, _connection, _clock, _time, _logger) = (address, connection, clock, time, logger);

    public IReadOnlyList<string> Warnings => _warnings;

    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        await ExamineAsync(cancellationToken);
        await _clock.ReadAsync(cancellationToken);
        _loop = Task.Run(RunAsync, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        await _loop;
        _ends.Dispose();
    }

    private async Task RunAsync()
    {
        for (var round = 1; !_ends.IsCancellationRequested; round++)
        {
            try
            {
                await Task.Delay(Period, _time, _ends.Token);
                await _clock.ProbeAsync(Limit, _ends.Token);
                if (round % Examinations == 0)
                    await ExamineAsync(_ends.Token);
            }
            catch (OperationCanceledException) when (_ends.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException)
            {
                // The connection has noted it; a warning a second would say no more.
            }
            catch (Exception e)
            {
                LogFailed(e);
            }
        }
    }

    private async ValueTask ExamineAsync(CancellationToken cancellationToken)
    {
        var info = (string)(await _connection.RepeatAsync(database => database.ExecuteAsync("INFO"), cancellationToken))!;
        var warnings = RedisDiagnosis.Examine(_address, RedisDiagnosis.ParseInfo(info));
        foreach (var warning in warnings.Except(_warnings, StringComparer.Ordinal))
            LogWarning(warning);
        _warnings = warnings;
    }

    [LoggerMessage(EventName = "RedisNeedsSetting", Level = LogLevel.Warning, Message = "{Warning}")]
    private partial void LogWarning(string warning);

    [LoggerMessage(EventName = "RedisProbeFailed", Level = LogLevel.Warning, Message = "Redis could not be examined.")]
    private partial void LogFailed(Exception exception);
}
