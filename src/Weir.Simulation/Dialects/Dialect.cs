using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Weir.Simulation.Answers;
using Weir.Simulation.Streaming;

namespace Weir.Simulation.Dialects;

/// <summary>One path of the API: how its requests are read and its answers written. Has no state.</summary>
internal abstract class Dialect
{
    /// <summary>Whose errors and headers it has.</summary>
    public virtual Shape Shape => Shape.OpenAI;

    /// <summary>Reads a request whose body is a JSON object.</summary>
    public abstract bool TryRead(JsonElement body, [NotNullWhen(true)] out Prompt? prompt, [NotNullWhen(false)] out Rejection? rejection);

    /// <summary>The whole answer as one JSON object.</summary>
    public abstract void WriteAnswer(Utf8JsonWriter json, Answer answer);

    /// <summary>The events before the first token.</summary>
    public abstract void WriteStart(EventWriter events, Answer answer);

    /// <summary>One token of one choice.</summary>
    public abstract void WriteToken(EventWriter events, Answer answer, int choice, int index);

    /// <summary>The events after the last token, terminator included.</summary>
    public abstract void WriteEnd(EventWriter events, Answer answer);

    /// <summary>Called once the answer was sent whole, streamed or not.</summary>
    public virtual void Sent(Answer answer)
    {
    }
}
