namespace Weir.Inference.Relay;

/// <summary>Looks at the beginning of a stream: a comment is not yet an answer, and an error that comes first is none.</summary>
internal static class FirstEvent
{
    /// <summary>Where the first event begins in <paramref name="bytes"/>, blank lines and comments passed over; −1 while there is none.</summary>
    public static int Find(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length)
        {
            var first = bytes[at];
            if (first is not ((byte)':' or (byte)'\n' or (byte)'\r'))
            {
                return at;
            }

            var newline = bytes[at..].IndexOf((byte)'\n');
            if (newline < 0)
            {
                return -1;
            }

            at += newline + 1;
        }

        return -1;
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

    /// <summary>The same of what an event, or a body, holds.</summary>
    public static bool IsErrorData(ReadOnlySpan<byte> data) =>
        data.StartsWith("{\"error\":"u8) && !data[9..].TrimStart((byte)' ').StartsWith("null"u8);
}
