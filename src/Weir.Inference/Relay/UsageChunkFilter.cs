using System.Buffers;
using System.Text.Json;

namespace Weir.Inference.Relay;

/// <summary>
/// Takes out of a chat stream the one event that only counts, for a client that did not ask for it: <c>choices</c> empty, <c>usage</c> set.
/// Every other byte stays. It is given whole lines, and remembers between them whether it stands at the border of an event.
/// </summary>
internal sealed class UsageChunkFilter
{
    private bool _atBorder = true;
    private bool _dropsBorder;

    public void Write(ReadOnlySpan<byte> lines, IBufferWriter<byte> output)
    {
        int kept = 0, at = 0;
        while (at < lines.Length)
        {
            var newline = lines[at..].IndexOf((byte)'\n');
            var next = newline < 0 ? lines.Length : at + newline + 1;
            var line = lines[at..next];
            var isBlank = line is [(byte)'\n'] or [(byte)'\r', (byte)'\n'];
            var drops = isBlank ? _dropsBorder : IsUsageChunk(line);
            if (drops)
            {
                output.Write(lines[kept..at]);
                kept = next;
            }

            // An event that has other lines besides keeps them and its border: without data a client passes it over.
            _dropsBorder = drops && !isBlank && _atBorder;
            _atBorder = isBlank || _dropsBorder;
            at = next;
        }

        output.Write(lines[kept..]);
    }

    // Most events are told apart by what follows "choices", without being parsed.
    private static bool IsUsageChunk(ReadOnlySpan<byte> line)
    {
        if (!line.StartsWith("data:"u8) || line.IndexOf("\"choices\""u8) is not (> 0 and var at))
        {
            return false;
        }

        var value = line[(at + 9)..].TrimStart(" \t:"u8);
        return value is [(byte)'[', ..] && value[1..].TrimStart(" \t"u8) is [(byte)']', ..] && CountsAndNothingElse(line[5..]);
    }

    private static bool CountsAndNothingElse(ReadOnlySpan<byte> data)
    {
        try
        {
            bool noChoices = false, usage = false;
            var reader = new Utf8JsonReader(data);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isChoices = reader.ValueTextEquals("choices"u8);
                var isUsage = reader.ValueTextEquals("usage"u8);
                reader.Read();
                usage |= isUsage && reader.TokenType == JsonTokenType.StartObject;
                if (isChoices && reader.TokenType == JsonTokenType.StartArray)
                {
                    reader.Read();
                    noChoices = reader.TokenType == JsonTokenType.EndArray;
                    if (!noChoices)
                    {
                        return false;
                    }
                }
                else
                {
                    reader.Skip();
                }
            }

            return noChoices && usage;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
