using Microsoft.Extensions.Logging;

namespace Weir.Retrieval.Embedding.Loading;

/// <summary>Looks from time to time for models that nobody has used for long.</summary>
internal sealed partial class IdleUnloading : IDisposable
{
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPeriod = TimeSpan.FromMinutes(1);

    private readonly EmbeddingModels _models;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private long _idleTicks;

    public IdleUnloading(EmbeddingModels models, TimeProvider time, ILogger logger)
    {
        (_models, _logger) = (models, logger);
        _timer = time.CreateTimer(_ => Look(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <param name="idle">Zero: never.</param>
    public void Apply(TimeSpan idle)
    {
        Volatile.Write(ref _idleTicks, idle.Ticks);
        var period = idle / 4;
        period = period < ShortestPeriod ? ShortestPeriod : period > LongestPeriod ? LongestPeriod : period;
        _timer.Change(idle > TimeSpan.Zero ? period : Timeout.InfiniteTimeSpan, idle > TimeSpan.Zero ? period : Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        try
        {
            if (Volatile.Read(ref _idleTicks) is > 0 and var ticks)
                _models.UnloadIdle(new TimeSpan(ticks));
        }
        catch (Exception e)
        {
            LogFailed(e);
        }
    }

    [LoggerMessage(EventName = "EmbeddingUnloadFailed", Level = LogLevel.Error, Message = "Unloading idle embedding models failed; it is tried again.")]
    private partial void LogFailed(Exception exception);
}
