namespace Weir.Inference.Relay;

/// <summary>How many bytes of text one event of a stream adds to its answer, in any dialect: enough to estimate what a stream that broke off has used.</summary>
internal static class DeltaLength
{
    public static int Of(ReadOnlySpan<byte> data)
    {
        var delta = data.IndexOf("\"delta\""u8);
        if (delta < 0)
        {
            // The older completions put their text into the choice itself.
            return data.IndexOf("\"choices\""u8) is >= 0 and var choices ? Text(data[choices..], "\"text\""u8) : 0;
        }

        var rest = data[delta..];
        return Text(rest, "\"delta\""u8) is > 0 and var responses ? responses
            : Text(rest, "\"content\""u8) is > 0 and var content ? content
            : Text(rest, "\"arguments\""u8) is > 0 and var arguments ? arguments
            : Text(rest, "\"reasoning_content\""u8) is > 0 and var reasoning ? reasoning
            : Text(rest, "\"text\""u8) is > 0 and var text ? text
            : Text(rest, "\"thinking\""u8) is > 0 and var thinking ? thinking
            : Text(rest, "\"partial_json\""u8);
    }

    // The length of the string that a name has as its value; escapes count as they are written.
    private static int Text(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var at = json.IndexOf(name);
        if (at < 0)
        {
            return 0;
        }

        var value = json[(at + name.Length)..].TrimStart(" :"u8);
        if (value is not [(byte)'"', ..])
        {
            return 0;
        }

        value = value[1..];
        var length = 0;
        while (length < value.Length)
        {
            var stop = value[length..].IndexOfAny((byte)'"', (byte)'\\');
            if (stop < 0)
            {
                return value.Length;
            }

            length += stop;
            if (value[length] == (byte)'"')
            {
                return length;
            }

            length += 2;
        }

        return value.Length;
    }
}
