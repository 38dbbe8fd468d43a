using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

#pragma warning disable MCP9006 // As in McpEvents.

namespace Weir.Server.Mcp.Transport;

/// <summary>One event of a stream, as it was sent.</summary>
/// <param name="Number">From 1, in the order of sending.</param>
/// <param name="Message">The message as JSON. Null: the event only gives the client a place to read on from.</param>
/// <param name="Retry">After how long the client is to come back.</param>
internal sealed record McpEvent(int Number, byte[]? Message, TimeSpan? Retry)
{
    // What an entry costs beside its bytes, roughly.
    public int Size => 128 + (Message?.Length ?? 0);
}

/// <summary>The events of one answer. All of its state is guarded by its <see cref="McpEvents"/>.</summary>
internal sealed class McpEventStream(McpEvents events, long number, string streamId) : ISseEventStreamWriter
{
    private readonly List<McpEvent> _kept = [];
    private TaskCompletionSource _changed = NewSignal();
    private int _readers;
    private volatile bool _fetched;

    public long Number => number;

    /// <summary>The id of the request that it answers, as text.</summary>
    public string StreamId => streamId;

    public McpEvents Events => events;

    public int Last { get; internal set; }

    public long? EndedAt { get; private set; }

    public bool IsLost { get; private set; }

    public int Size { get; private set; }

    /// <summary>Whether a client reads it again now.</summary>
    public bool IsRead => Volatile.Read(ref _readers) > 0;

    /// <summary>A client that came back has read it to its end.</summary>
    public bool IsFetched => _fetched;

    // Both modes read alike here: a client that comes back stays until the answer is there, which is one request instead of many.
    public ValueTask SetModeAsync(SseEventStreamMode mode, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask<SseItem<JsonRpcMessage?>> WriteEventAsync(SseItem<JsonRpcMessage?> sseItem, CancellationToken cancellationToken = default)
    {
        if (sseItem.EventId is not null) return ValueTask.FromResult(sseItem);
        var message = sseItem.Data is null ? null : JsonSerializer.SerializeToUtf8Bytes(sseItem.Data, McpJson.Message);
        // One writer at a time: the transport sends the messages of a stream one after the other.
        var added = new McpEvent(Last + 1, message, sseItem.ReconnectionInterval);
        events.Keep(this, added);
        return ValueTask.FromResult(sseItem with { EventId = IdOf(added) });
    }

    public ValueTask DisposeAsync()
    {
        events.End(this);
        return ValueTask.CompletedTask;
    }

    public string IdOf(McpEvent one) => string.Create(CultureInfo.InvariantCulture, $"{number}-{one.Number}");

    public void BeginRead() => Interlocked.Increment(ref _readers);

    public void EndRead(bool whole)
    {
        if (whole) _fetched = true;
        Interlocked.Decrement(ref _readers);
    }

    internal void Add(McpEvent added)
    {
        _kept.Add(added);
        Size += added.Size;
        Signal();
    }

    internal void End(long at)
    {
        EndedAt ??= at;
        Signal();
    }

    internal void Lose()
    {
        IsLost = true;
        Size = 0;
        _kept.Clear();
        Signal();
    }

    internal (IReadOnlyList<McpEvent> Events, bool Ended, Task Changed) After(int seen) =>
        ([.. _kept.Where(one => one.Number > seen)], EndedAt is not null || IsLost, _changed.Task);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Signal()
    {
        var changed = _changed;
        _changed = NewSignal();
        changed.SetResult();
    }
}

/// <summary>Reads a stream on from an event, until its answer has been read.</summary>
internal sealed class McpEventReader(McpEventStream stream, int seen) : ISseEventStreamReader
{
    public string SessionId => stream.Events.SessionId;

    public string StreamId => stream.StreamId;

    public async IAsyncEnumerable<SseItem<JsonRpcMessage?>> ReadEventsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        stream.BeginRead();
        var whole = false;
        try
        {
            var from = seen;
            while (true)
            {
                var (kept, ended, changed) = stream.Events.After(stream, from);
                foreach (var one in kept)
                {
                    from = one.Number;
                    var message = one.Message is null ? null : JsonSerializer.Deserialize(one.Message, McpJson.Message);
                    yield return new SseItem<JsonRpcMessage?>(message, SseParser.EventTypeDefault) { EventId = stream.IdOf(one), ReconnectionInterval = one.Retry };
                }

                if (ended)
                {
                    whole = !stream.IsLost;
                    yield break;
                }

                await changed.WaitAsync(cancellationToken);
            }
        }
        finally
        {
            stream.EndRead(whole);
        }
    }
}
