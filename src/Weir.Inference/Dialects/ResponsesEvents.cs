using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Writes the events of a response, numbered in their order; none where the client wants the whole at once.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The writer writes to memory of its own and holds nothing that must be given back.")]
internal sealed class ResponsesEvents
{
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly Utf8JsonWriter _writer;
    private string _type = "";
    private long _number;

    public ResponsesEvents() => _writer = new Utf8JsonWriter(_buffer, DialectJson.Writing);

    /// <summary>Where events go; null where there are none.</summary>
    public IEventSink? Sink { get; set; }

    /// <summary>Begins an event; <see cref="End"/> sends it.</summary>
    public Utf8JsonWriter Begin(string type)
    {
        _type = type;
        _buffer.ResetWrittenCount();
        _writer.Reset(_buffer);
        _writer.WriteStartObject();
        _writer.WriteString("type"u8, type);
        _writer.WriteNumber("sequence_number"u8, _number++);
        return _writer;
    }

    /// <summary>Begins an event about a part of an item.</summary>
    public Utf8JsonWriter Begin(string type, ResponsesItem item)
    {
        var writer = Begin(type);
        writer.WriteString("item_id"u8, item.Id);
        writer.WriteNumber("output_index"u8, item.Index);
        return writer;
    }

    public void End()
    {
        _writer.WriteEndObject();
        _writer.Flush();
        Sink!.Event(Encoding.UTF8.GetBytes(_type), _buffer.WrittenSpan);
    }

    /// <summary>Tells that an item has begun or is done.</summary>
    public void Item(string type, ResponsesItem item)
    {
        var writer = Begin(type);
        writer.WriteNumber("output_index"u8, item.Index);
        writer.WritePropertyName("item"u8);
        item.Write(writer);
        End();
    }
}
