using System.Buffers;
using Weir.Inference.Dialects;

namespace Weir.Inference.Relay;

/// <summary>Writes server-sent events as a client reads them.</summary>
internal sealed class EventSink(IBufferWriter<byte> output) : IEventSink
{
    /// <summary>Whether anything has been written since this was last set to false.</summary>
    public bool HasWritten { get; set; }

    public void Event(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        HasWritten = true;
        if (!name.IsEmpty)
        {
            output.Write("event: "u8);
            output.Write(name);
            output.Write("\n"u8);
        }

        output.Write("data: "u8);
        output.Write(data);
        output.Write("\n\n"u8);
    }
}
