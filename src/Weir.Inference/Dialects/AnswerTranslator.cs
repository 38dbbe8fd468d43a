using System.Buffers;

namespace Weir.Inference.Dialects;

/// <summary>
/// Turns one answer of a provider into what the client expects: either a whole body once, or the events of a stream one by one. Not
/// safe for several threads. What is not the JSON that the provider's dialect promises makes it throw <see cref="System.Text.Json.JsonException"/>
/// or <see cref="InvalidDataException"/>, which is the provider's fault and never the client's.
/// </summary>
internal abstract class AnswerTranslator
{
    /// <summary>Translates a whole answer of status 2xx.</summary>
    public abstract void Body(ReadOnlyMemory<byte> body, IBufferWriter<byte> output);

    /// <summary>Translates one event of the provider's stream, which may become none, one or several.</summary>
    /// <param name="name">Of the event; empty where it has none.</param>
    /// <param name="data">Its data, never empty; an error that the provider reports in its stream does not come here.</param>
    /// <param name="output">Gets what the client sees.</param>
    public abstract void Event(ReadOnlySpan<byte> name, ReadOnlyMemory<byte> data, IEventSink output);

    /// <summary>The provider's stream ended as it should: writes what is still open, and the client's terminator.</summary>
    public abstract void End(IEventSink output);
}

/// <summary>Takes server-sent events.</summary>
internal interface IEventSink
{
    /// <param name="name">Empty: the event has no name.</param>
    /// <param name="data">One line.</param>
    void Event(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data);
}
