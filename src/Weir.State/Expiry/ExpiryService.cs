using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Weir.State.Expiry;

/// <summary>Runs the expiry duty once a second, and less often while the store is away.</summary>
internal sealed partial class ExpiryService(IStateStore store, TimeProvider time, ILogger<ExpiryService> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = Period;
        var away = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(pause, time, stoppingToken);
                await ExpiryDuty.RunAsync(store, stoppingToken);
                pause = Period;
                if (away) LogAgain();
                away = false;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException e)
            {
                pause = Longer(pause);
                if (!away) LogAway(e.Message);
                away = true;
            }
            catch (Exception e)
            {
                pause = Longer(pause);
                LogFailed(e, pause.TotalSeconds);
            }
        }
    }

    private static TimeSpan Longer(TimeSpan pause) => TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));

    [LoggerMessage(EventName = "ExpiryAway", Level = LogLevel.Warning, Message = "Expired documents cannot be deleted until the store is back: {Reason}")]
    private partial void LogAway(string reason);

    [LoggerMessage(EventName = "ExpiryAgain", Level = LogLevel.Information, Message = "Expired documents are deleted again.")]
    private partial void LogAgain();

    [LoggerMessage(EventName = "ExpiryFailed", Level = LogLevel.Warning, Message = "Expired documents could not be deleted; next try in {Seconds} s.")]
    private partial void LogFailed(Exception exception, double seconds);
}
