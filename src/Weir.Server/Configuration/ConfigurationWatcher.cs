using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration;

/// <summary>
/// Reads the file again when it has changed, and swaps the whole configuration or keeps the last good one.
/// </summary>
/// <remarks>
/// It looks at the file's content every <see cref="Period"/> rather than waiting for notifications: those miss renamed folders,
/// mounted configuration and network drives, run out in containers, and come twice from editors. A change is applied once
/// the content has stayed the same for a whole period, so that a file is not read half written.
/// </remarks>
public sealed partial class ConfigurationWatcher : BackgroundService
{
    /// <summary>How often the file is looked at.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    private readonly ConfigurationSources _sources;
    private readonly LiveConfiguration _live;
    private readonly TimeProvider _time;
    private readonly ILogger<ConfigurationWatcher> _logger;

    private readonly Lock _sync = new();

    // What was last loaded or refused, and what waits to be seen once more.
    private byte[]? _judged;
    private byte[]? _pending;
    private DateTime _written;
    private bool _away;
    private IReadOnlyList<Fault> _refused = [];
    private TaskCompletionSource _looked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary><paramref name="loaded"/> is what was loaded from <paramref name="sources"/> at start and stands in <paramref name="live"/>.</summary>
    public ConfigurationWatcher(
        ConfigurationSources sources, LoadedConfiguration loaded, LiveConfiguration live, TimeProvider time, ILogger<ConfigurationWatcher> logger)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        _sources = sources;
        _live = live;
        _time = time;
        _logger = logger;
        _judged = loaded.Text;
        _written = Written();
        _away = loaded.Text is null;
    }

    /// <summary>Waits until the file as it is now is in force, or was refused: not at all where it is already, else a period or two, unless it keeps changing.</summary>
    /// <returns>Why it was refused. Empty: it is in force, or away, and then the last good one is.</returns>
    internal async Task<IReadOnlyList<Fault>> SettledAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task looked;
            lock (_sync)
            {
                if (IsJudged())
                    return _refused;
                looked = _looked.Task;
            }

            await looked.WaitAsync(cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                Look();
            }
            catch (Exception exception)
            {
                LogLookFailed(exception, _sources.FilePath);
            }
        }
    }

    /// <summary>One look at the file: what the timer does.</summary>
    internal void Look()
    {
        lock (_sync)
        {
            LookOnce();
            _looked.SetResult();
            _looked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    // A file that was touched has been judged, but those who look again at what it names have not been told.
    private bool IsJudged() =>
        ConfigurationFile.Read(_sources, new FaultList(_sources.FilePath)) is not { } text || (Same(text, _judged) && Written() == _written);

    private void LookOnce()
    {
        // Before the content: what is written in between is seen as touched once more.
        var written = Written();
        var faults = new FaultList(_sources.FilePath);
        if (ConfigurationFile.Read(_sources, faults) is not { } text)
        {
            _pending = null;
            if (!_away)
            {
                _away = true;
                LogAway(_sources.FilePath, faults.Faults.Count == 0 ? "it is gone" : faults.Faults[0].Message);
            }

            return;
        }

        _away = false;
        if (Same(text, _judged))
        {
            _pending = null;
            if (written != _written)
            {
                _written = written;
                TellReadAgain();
            }
        }
        else if (!Same(text, _pending))
        {
            _pending = text;
        }
        else
        {
            (_judged, _pending, _written) = (text, null, written);
            Reload(text);
        }
    }

    private void Reload(byte[] text)
    {
        var loaded = ConfigurationLoader.Load(_sources, text);
        _refused = loaded.Faults;
        if (loaded.Faults.Count > 0)
        {
            foreach (var fault in loaded.Faults)
            {
                LogFault(fault);
            }

            LogRefused(_sources.FilePath, loaded.Faults.Count);
            return;
        }

        var changes = ConfigurationChange.Between(_live.Current, loaded.Options);
        if (changes.Count == 0)
        {
            TellReadAgain();
            return;
        }

        foreach (var warning in loaded.Warnings)
        {
            LogWarning(warning);
        }

        foreach (var exception in _live.Swap(loaded.Options))
        {
            LogApplyFailed(exception);
        }

        var settings = string.Join(", ", changes.Select(change => change.Path));
        LogReloaded(_sources.FilePath, settings);
        foreach (var change in changes.Where(change => change.RestartRequired))
        {
            LogRestartRequired(change.Path);
        }
    }

    private void TellReadAgain()
    {
        LogUnchanged(_sources.FilePath);
        foreach (var exception in _live.ReadAgain())
        {
            LogApplyFailed(exception);
        }
    }

    /// <summary>When the file was last written or touched, whatever links lead to it; of one that cannot be read, the same time always.</summary>
    private DateTime Written()
    {
        try
        {
            using var file = File.OpenHandle(_sources.FilePath, share: FileShare.ReadWrite | FileShare.Delete);
            return File.GetLastWriteTimeUtc(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return default;
        }
    }

    private static bool Same(byte[] text, byte[]? other) => other is not null && text.AsSpan().SequenceEqual(other);

    [LoggerMessage(EventName = "ConfigurationReloaded", Level = LogLevel.Information, Message = "{File} was read again. Changed: {Settings}")]
    private partial void LogReloaded(string file, string settings);

    [LoggerMessage(EventName = "ConfigurationUnchanged", Level = LogLevel.Information, Message = "{File} was read again; no setting has changed")]
    private partial void LogUnchanged(string file);

    [LoggerMessage(EventName = "ConfigurationFault", Level = LogLevel.Error, Message = "{Fault}")]
    private partial void LogFault(Fault fault);

    [LoggerMessage(EventName = "ConfigurationWarning", Level = LogLevel.Warning, Message = "{Warning}")]
    private partial void LogWarning(Fault warning);

    [LoggerMessage(EventName = "ConfigurationRefused", Level = LogLevel.Error, Message = "The last good configuration stays in force; faults in {File}: {Count}")]
    private partial void LogRefused(string file, int count);

    [LoggerMessage(EventName = "ConfigurationRestartRequired", Level = LogLevel.Warning, Message = "{Setting} was changed and takes effect when the server is started again")]
    private partial void LogRestartRequired(string setting);

    [LoggerMessage(EventName = "ConfigurationAway", Level = LogLevel.Warning, Message = "{File} cannot be read: {Reason}. The last good configuration stays in force")]
    private partial void LogAway(string file, string reason);

    [LoggerMessage(EventName = "ConfigurationApplyFailed", Level = LogLevel.Error, Message = "A part of the server did not take over the new configuration")]
    private partial void LogApplyFailed(Exception exception);

    [LoggerMessage(EventName = "ConfigurationLookFailed", Level = LogLevel.Error, Message = "{File} could not be looked at")]
    private partial void LogLookFailed(Exception exception, string file);
}
