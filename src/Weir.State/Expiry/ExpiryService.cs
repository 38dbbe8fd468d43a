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
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(pause, time, stoppingToken);
                await ExpiryDuty.RunAsync(store, stoppingToken);
                pause = Period;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
                LogFailed(e, pause.TotalSeconds);
            }
        }
    }

    [LoggerMessage(EventName = "ExpiryFailed", Level = LogLevel.Warning, Message = "Expired documents could not be deleted; next try in {Seconds} s.")]
    private partial void LogFailed(Exception exception, double seconds);
}
