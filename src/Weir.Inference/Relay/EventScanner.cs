using Weir.Inference.Requests;

namespace Weir.Inference.Relay;

/// <summary>Watches whole lines of server-sent events go by: whether the stream said that it is complete, and what it used. It holds nothing.</summary>
internal struct EventScanner(StreamEnd end)
{
    private bool _lastEventBegan;
    private long _deltas;
    private bool _isError;

    /// <summary>The stream said that it is complete.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>It did so by an error event of its own, which the client has read.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Null until the provider has counted.</summary>
    public TokenUsage? Usage { get; private set; }

    /// <summary>What the provider counted, else an estimate of what came out, four bytes a token; null where nothing did.</summary>
    public readonly TokenUsage? UsageOrEstimate => TokenUsage.OrEstimate(Usage, _deltas);

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
            HasFailed |= _lastEventBegan && _isError;
        }
        else if (line.StartsWith("data:"u8))
        {
            Data(line[5..].TrimStart((byte)' '));
        }
        else if (end is StreamEnd.ResponseEvent or StreamEnd.MessageStop && line.StartsWith("event:"u8))
        {
            _lastEventBegan = IsLast(line[6..].Trim((byte)' '));
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
            Usage = end == StreamEnd.MessageStop ? TokenUsage.Latest(Usage, usage) : usage;
        }

        // Some servers leave the event line out and give the type in the data alone.
        if (end is StreamEnd.ResponseEvent or StreamEnd.MessageStop && !_lastEventBegan && data.StartsWith("{\"type\":"u8))
        {
            var type = data[8..].TrimStart((byte)' ').TrimStart((byte)'"');
            var close = type.IndexOf((byte)'"');
            _lastEventBegan = close > 0 && IsLast(type[..close]);
        }
    }

    private bool IsLast(ReadOnlySpan<byte> name)
    {
        _isError = name.SequenceEqual("error"u8);
        return _isError || (end == StreamEnd.MessageStop ? name.SequenceEqual("message_stop"u8) : IsLastResponseEvent(name));
    }

    private static bool IsLastResponseEvent(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("response.completed"u8)
        || name.SequenceEqual("response.incomplete"u8)
        || name.SequenceEqual("response.failed"u8);
}
