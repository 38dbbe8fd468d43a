using System.Buffers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Inference.Capturing;
using Weir.Server.Configuration;

namespace Weir.Server.Observability.Capturing;

/// <summary>The one writer of captured exchanges. A disk that fails costs what is captured meanwhile, never a request.</summary>
internal sealed partial class CaptureWriter(CaptureSink sink, LiveConfiguration configuration, TimeProvider time, ILogger<CaptureWriter> log) : BackgroundService
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);
    private const string DefaultName = "capture.jsonl";

    private readonly ArrayBufferWriter<byte> _line = new();
    private CaptureFile? _file;
    private long _restUntil = long.MinValue;
    private long _lost;
    private bool _isFailing;
    private IDisposable? _subscription;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _subscription = configuration.OnChange(Use);
        Use(configuration.Current);
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await sink.Waiting.WaitToReadAsync(stoppingToken)) WriteAll();
        }
        catch (OperationCanceledException)
        {
            // Stopping: what waits is written below.
        }

        WriteAll();
        _file?.Dispose();
    }

    public override void Dispose()
    {
        _subscription?.Dispose();
        base.Dispose();
    }

    private void Use(WeirOptions options) => sink.Use(options.Telemetry.Capture.Routes);

    private void WriteAll()
    {
        while (sink.Waiting.TryRead(out var exchange))
        {
            if (time.GetTimestamp() < _restUntil || !TryWrite(exchange)) Lose(exchange);
            else sink.Written(exchange);
        }

        if (_file is not { IsOpen: true } || !Try(static file => file.Flush()) || !_isFailing) return;
        LogAgain(_lost);
        (_isFailing, _lost) = (false, 0);
    }

    private bool TryWrite(CapturedExchange exchange)
    {
        _line.ResetWrittenCount();
        CaptureLine.Write(_line, exchange, time.GetUtcNow());
        var options = configuration.Current;
        var path = options.Telemetry.Capture.Path ?? Path.Combine(options.Server.Data, DefaultName);
        if (_file?.Path != path)
        {
            _file?.Dispose();
            _file = new CaptureFile(path);
        }

        return Try(file => file.Append(_line.WrittenSpan));
    }

    private bool Try(Action<CaptureFile> write)
    {
        try
        {
            write(_file!);
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            // Once per outage; the counter tells how much was lost.
            if (!_isFailing) LogFailed(fault.Message);
            _isFailing = true;
            _restUntil = time.GetTimestamp() + (long)(Rest.TotalSeconds * time.TimestampFrequency);
            _file!.Dispose();
            return false;
        }
    }

    private void Lose(CapturedExchange exchange)
    {
        _lost++;
        sink.Drop(exchange);
    }

    [LoggerMessage(1, LogLevel.Warning, "Captured requests cannot be written and are dropped: {Reason}", EventName = "capture_failed")]
    private partial void LogFailed(string reason);

    [LoggerMessage(2, LogLevel.Information, "Captured requests are written again; {Lost} were dropped.", EventName = "capture_again")]
    private partial void LogAgain(long lost);
}
