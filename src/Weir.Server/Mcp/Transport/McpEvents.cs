using System.Globalization;
using ModelContextProtocol.Server;

// The SDK calls resumable streams obsolete because the revision of 2026-07-28 has no sessions. Clients of the revisions before it have them, and lose answers without.
#pragma warning disable MCP9006

namespace Weir.Server.Mcp.Transport;

/// <summary>
/// What was sent to one session lately, so that a client whose connection broke can read on from the last event that it saw. Bounded: what there is
/// no room for is dropped, the oldest stream first, and a client that asks for it is told so.
/// </summary>
internal sealed class McpEvents(string sessionId, McpEventBudget budget, TimeProvider time) : ISseEventStreamStore, IDisposable
{
    public const int MostStreams = 64;

    /// <summary>Of one session, in bytes.</summary>
    public const int MostBytes = 4 << 20;

    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly SortedDictionary<long, McpEventStream> _streams = [];
    private long _made;
    private long _bytes;
    private bool _ended;

    public string SessionId => sessionId;

    public ValueTask<ISseEventStreamWriter> CreateStreamAsync(SseEventStreamOptions options, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            foreach (var (number, old) in _streams.ToList())
            {
                if (old.EndedAt is { } ended && time.GetElapsedTime(ended) > KeptFor || _streams.Count >= MostStreams)
                    Drop(number, old);
            }

            var stream = new McpEventStream(this, ++_made, options.StreamId);
            if (!_ended) _streams.Add(_made, stream);
            return ValueTask.FromResult<ISseEventStreamWriter>(stream);
        }
    }

    public ValueTask<ISseEventStreamReader?> GetStreamReaderAsync(string lastEventId, CancellationToken cancellationToken = default)
    {
        var dash = lastEventId.IndexOf('-', StringComparison.Ordinal);
        if (dash < 1
            || !long.TryParse(lastEventId.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || !int.TryParse(lastEventId.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var seen))
        {
            return ValueTask.FromResult<ISseEventStreamReader?>(null);
        }

        lock (_gate)
            return ValueTask.FromResult<ISseEventStreamReader?>(_streams.TryGetValue(number, out var stream) && seen <= stream.Last ? new McpEventReader(stream, seen) : null);
    }

    /// <summary>The stream that answers a request. Null: none is kept.</summary>
    public McpEventStream? Answering(string requestId)
    {
        lock (_gate)
            return _streams.Values.LastOrDefault(stream => stream.StreamId == requestId);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
            foreach (var (number, stream) in _streams.ToList()) Drop(number, stream);
        }
    }

    /// <summary>Adds an event to a stream, if there is room for it.</summary>
    internal void Keep(McpEventStream stream, McpEvent added)
    {
        lock (_gate)
        {
            stream.Last = added.Number;
            if (!_streams.ContainsKey(stream.Number)) return;
            while (_bytes + added.Size > MostBytes || !budget.TryTake(added.Size))
            {
                // An answer that is still being written is worth more than one that is through.
                var (number, oldest) = _streams.FirstOrDefault(pair => pair.Value.EndedAt is not null && pair.Value != stream);
                if (oldest is null) (number, oldest) = _streams.First();
                Drop(number, oldest);
                if (oldest == stream) return;
            }

            _bytes += added.Size;
            stream.Add(added);
        }
    }

    internal void End(McpEventStream stream)
    {
        lock (_gate) stream.End(time.GetTimestamp());
    }

    internal (IReadOnlyList<McpEvent> Events, bool Ended, Task Changed) After(McpEventStream stream, int seen)
    {
        lock (_gate) return stream.After(seen);
    }

    private void Drop(long number, McpEventStream stream)
    {
        _streams.Remove(number);
        _bytes -= stream.Size;
        budget.GiveBack(stream.Size);
        stream.Lose();
    }
}

/// <summary>How many bytes of events all sessions of this replica keep together.</summary>
internal sealed class McpEventBudget
{
    public const long MostBytes = 256L << 20;

    private long _taken;

    public long Taken => Interlocked.Read(ref _taken);

    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _taken, bytes) <= MostBytes) return true;
        Interlocked.Add(ref _taken, -bytes);
        return false;
    }

    public void GiveBack(long bytes) => Interlocked.Add(ref _taken, -bytes);
}
