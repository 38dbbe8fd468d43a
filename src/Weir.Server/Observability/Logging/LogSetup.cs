using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Weir.Server.Observability.Logging;

/// <summary>How log lines look.</summary>
internal enum LogFormat
{
    /// <summary>One line for people.</summary>
    Text,

    /// <summary>One JSON object a line, for machines.</summary>
    Json,
}

internal static class LogSetup
{
    public static void AddWeirConsole(this ILoggingBuilder logging, LogFormat format, LogLevel level)
    {
        logging.SetMinimumLevel(level);
        // The framework speaks up when something is wrong. Its per-request diagnostics are off altogether: enabled even at
        // Critical they make a scope and an Activity for every request, and Weir makes its own where somebody listens.
        logging.AddFilter("Microsoft", (LogLevel)Math.Max((int)level, (int)LogLevel.Warning));
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        // The host says in a stack trace what its owner says in a sentence.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        // A client that breaks the protocol or leaves in the middle of its body is not news; failures of ours the front door logs.
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Critical);
        if (format == LogFormat.Json)
        {
            logging.AddJsonConsole(o =>
            {
                o.UseUtcTimestamp = true;
                o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
            });
        }
        else
        {
            logging.AddSimpleConsole(o =>
            {
                o.SingleLine = true;
                o.UseUtcTimestamp = true;
                o.TimestampFormat = "HH:mm:ss.fff ";
            });
        }

        // Standard output is for what `weir` prints; a log that mixes in breaks pipes.
        logging.Services.Configure<ConsoleLoggerOptions>(o =>
        {
            o.LogToStandardErrorThreshold = LogLevel.Trace;
            // Whoever reads the log too slowly loses lines of it, and is told how many; no request waits for him.
            o.MaxQueueLength = 16 * 1024;
            o.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
    }
}
