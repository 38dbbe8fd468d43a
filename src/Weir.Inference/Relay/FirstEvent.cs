namespace Weir.Inference.Relay;

/// <summary>Looks at the beginning of a stream: a comment is not yet an answer, and an error that comes first is none.</summary>
internal static class FirstEvent
{
    private static ReadOnlySpan<byte> PingLine => "event: ping"u8;

    private static ReadOnlySpan<byte> Blanks => " \t\r\n"u8;

    /// <summary>
    /// Where the first event begins in <paramref name="bytes"/>, blank lines, comments and Anthropic's pings passed over; −1 while there is none.
    /// </summary>
    public static int Find(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length)
        {
            var rest = bytes[at..];
            if (rest[0] is not ((byte)':' or (byte)'\n' or (byte)'\r'))
            {
                var ping = PingLength(rest);
                if (ping <= 0)
                {
                    return ping == 0 ? at : -1;
                }

                at += ping;
                continue;
            }

            var newline = rest.IndexOf((byte)'\n');
            if (newline < 0)
            {
                return -1;
            }

            at += newline + 1;
        }

        return -1;
    }

    // The whole of a ping, which is an event of two lines; 0: something else; −1: not to be told yet.
    private static int PingLength(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.StartsWith(PingLine))
        {
            return PingLine.StartsWith(bytes) ? -1 : 0;
        }

        var name = bytes.IndexOf((byte)'\n');
        var data = name < 0 ? -1 : bytes[(name + 1)..].IndexOf((byte)'\n');
        return name < 0 || data < 0 ? -1
            : bytes[PingLine.Length..name].Trim(" \r"u8).IsEmpty ? name + data + 2
            : 0;
    }

    /// <summary>How far the first event's data line reaches, once it is whole; 0 before that.</summary>
    public static int Length(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length)
        {
            var newline = bytes[at..].IndexOf((byte)'\n');
            if (newline < 0)
            {
                return 0;
            }

            var isData = bytes[at..].StartsWith("data:"u8);
            at += newline + 1;
            if (isData)
            {
                return at;
            }
        }

        return 0;
    }

    /// <summary>The data of the event that <paramref name="bytes"/> begins with; empty where it has none yet.</summary>
    public static ReadOnlySpan<byte> Data(ReadOnlySpan<byte> bytes)
    {
        var line = bytes[..Length(bytes)];
        var at = line.LastIndexOf("\ndata:"u8) + 1;
        return line.IsEmpty ? [] : line[(at + 5)..].Trim(" \r\n"u8);
    }

    /// <summary>Whether an event is an error and nothing else.</summary>
    public static bool IsError(ReadOnlySpan<byte> bytes) => IsErrorData(Data(bytes));

    /// <summary>The same of what an event, or a body, holds: <c>{"error":…}</c>, or Anthropic's <c>{"type":"error",…}</c>.</summary>
    public static bool IsErrorData(ReadOnlySpan<byte> data) =>
        FirstValue(data, "\"error\""u8) is { IsEmpty: false } error ? !error.StartsWith("null"u8) : FirstValue(data, "\"type\""u8).StartsWith("\"error\""u8);

    // What the first field of an object holds, and all after it; empty where it has another name.
    private static ReadOnlySpan<byte> FirstValue(ReadOnlySpan<byte> data, ReadOnlySpan<byte> name)
    {
        data = data.TrimStart(Blanks);
        data = data is [(byte)'{', ..] ? data[1..].TrimStart(Blanks) : [];
        data = data.StartsWith(name) ? data[name.Length..].TrimStart(Blanks) : [];
        return data is [(byte)':', ..] ? data[1..].TrimStart(Blanks) : [];
    }
}
