using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Weir.Tests.Support;

/// <summary>Keeps what is logged: event name, text, and whether an exception came with it.</summary>
internal sealed class RecordingLogger<T> : ILogger<T>, ILoggerFactory
{
    public ConcurrentQueue<(string Event, string Text, Exception? Exception)> Lines { get; } = new();

    public IEnumerable<string> Events => Lines.Select(line => line.Event);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((eventId.Name ?? "", formatter(state, exception), exception));

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }
}
