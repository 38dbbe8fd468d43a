using Weir.Inference.Requests;

namespace Weir.Inference.Relay;

/// <summary>Watches whole lines of server-sent events go by: whether the stream said that it is complete, and what it used. It holds nothing.</summary>
internal struct EventScanner(StreamEnd end)
{
    private bool _lastEventBegan;
    private long _deltas;

    /// <summary>The stream said that it is complete.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Null until the provider has counted.</summary>
    public TokenUsage? Usage { get; private set; }

    /// <summary>What the provider counted, else an estimate of what came out, four bytes a token; null where nothing did.</summary>
    public readonly TokenUsage? UsageOrEstimate => Usage ?? (_deltas > 0 ? new TokenUsage(0, (_deltas + 3) / 4) { IsEstimated = true } : null);

    /// <summary>Whether the last line seen ended an event, so that another may be written after it.</summary>
    public bool AtEventBorder { get; private set; } = true;

    public void Scan(ReadOnlySpan<byte> lines)
    {
        while (!lines.IsEmpty)
        {
            var newline = lines.IndexOf((byte)'\n');
            Line(newline < 0 ? lines : lines[..newline]);
            lines = newline < 0 ? [] : lines[(newline + 1)..];
        }
    }

    private void Line(ReadOnlySpan<byte> line)
    {
        if (line is [.., (byte)'\r'])
        {
            line = line[..^1];
        }

        AtEventBorder = line.IsEmpty;
        if (line.IsEmpty)
        {
            IsComplete |= _lastEventBegan;
        }
        else if (line.StartsWith("data:"u8))
        {
            Data(line[5..].TrimStart((byte)' '));
        }
        else if (end == StreamEnd.ResponseEvent && line.StartsWith("event:"u8))
        {
            _lastEventBegan = IsLastResponseEvent(line[6..].Trim((byte)' '));
        }
    }

    private void Data(ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8))
        {
            IsComplete |= end == StreamEnd.Done;
            return;
        }

        _deltas += DeltaLength.Of(data);
        if (data.IndexOf("\"usage\""u8) >= 0 && TokenUsage.TryFind(data, out var usage))
        {
            Usage = usage;
        }

        // Some servers leave the event line out and give the type in the data alone.
        if (end == StreamEnd.ResponseEvent && !_lastEventBegan && data.StartsWith("{\"type\":"u8))
        {
            var type = data[8..].TrimStart((byte)' ').TrimStart((byte)'"');
            var close = type.IndexOf((byte)'"');
            _lastEventBegan = close > 0 && IsLastResponseEvent(type[..close]);
        }
    }

    private static bool IsLastResponseEvent(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("response.completed"u8)
        || name.SequenceEqual("response.incomplete"u8)
        || name.SequenceEqual("response.failed"u8)
        || name.SequenceEqual("error"u8);
}
