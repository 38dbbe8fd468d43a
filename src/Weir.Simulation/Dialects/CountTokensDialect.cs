using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Weir.Simulation.Answers;
using Weir.Simulation.Streaming;

namespace Weir.Simulation.Dialects;

/// <summary>Anthropic's <c>/v1/messages/count_tokens</c>.</summary>
internal sealed class CountTokensDialect : Dialect
{
    public override Shape Shape => Shape.Anthropic;

    public override bool TryRead(JsonElement body, [NotNullWhen(true)] out Prompt? prompt, [NotNullWhen(false)] out Rejection? rejection)
    {
        (prompt, rejection) = new MessagesRequest(body).Read(counts: true);
        return prompt is not null;
    }

    public override void WriteAnswer(Utf8JsonWriter json, Answer answer)
    {
        json.WriteStartObject();
        json.WriteNumber("input_tokens"u8, answer.Prompt.InputTokens);
        json.WriteEndObject();
    }

    public override void WriteStart(EventWriter events, Answer answer) => throw new NotSupportedException("A count is not streamed.");

    public override void WriteToken(EventWriter events, Answer answer, int choice, int index) => throw new NotSupportedException("A count is not streamed.");

    public override void WriteEnd(EventWriter events, Answer answer) => throw new NotSupportedException("A count is not streamed.");
}
