using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Weir.Cli.Run.Execution;

/// <summary>What a command writes to its standard output, up to a bound; the rest is read and let go, so that the command does not hang on it.</summary>
internal sealed class CappedOutput(int capacity = CappedOutput.Capacity)
{
    public const int Capacity = 16 * 1024 * 1024;

    // One level less than readers and writers of JSON allow by default: it stands within a record.
    private static readonly JsonDocumentOptions WithinARecord = new() { MaxDepth = 63 };

    private readonly ArrayBufferWriter<byte> _held = new();

    public bool IsCut { get; private set; }

    public async Task ReadAsync(Stream source)
    {
        var buffer = new byte[16 * 1024];
        for (int read; (read = await source.ReadAsync(buffer)) > 0;)
        {
            var room = Math.Min(read, capacity - _held.WrittenCount);
            _held.Write(buffer.AsSpan(0, room));
            IsCut |= room < read;
        }
    }

    /// <summary>JSON where it is JSON that a record can hold, else its text without the line end. Null: nothing was written.</summary>
    public JsonElement? ToJson()
    {
        var bytes = _held.WrittenMemory;
        if (bytes.Span.Trim(" \t\r\n"u8).IsEmpty)
            return null;
        // Parsing looks into no string, so that bytes which are no UTF-8 would pass for JSON.
        if (!IsCut && Utf8.IsValid(bytes.Span))
        {
            try
            {
                return Parse(HalfPairs.AreIn(bytes.Span) ? Whole(bytes.ToArray()) : bytes);
            }
            catch (JsonException)
            {
                // A text, or nested deeper than a record can hold.
            }
        }

        return JsonSerializer.SerializeToElement(Encoding.UTF8.GetString(bytes.Span).TrimEnd('\r', '\n'));
    }

    private static JsonElement Parse(ReadOnlyMemory<byte> bytes)
    {
        using var json = JsonDocument.Parse(bytes, WithinARecord);
        return json.RootElement.Clone();
    }

    private static byte[] Whole(byte[] json)
    {
        HalfPairs.Replace(json);
        return json;
    }
}
