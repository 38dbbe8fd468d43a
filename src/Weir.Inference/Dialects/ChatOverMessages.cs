using System.Buffers;
using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Dialects;

/// <summary>
/// OpenAI's chat over a provider of Anthropic's messages. Fields: <see cref="ChatRequest"/> and <see cref="ChatLosses"/>; turns:
/// <see cref="ChatConversation"/>; tools: <see cref="ChatTools"/>; thinking: <see cref="ChatThinking"/>; answers: <see cref="ChatAnswer"/>.
/// </summary>
internal sealed class ChatOverMessages : ITranslation
{
    public Operation From => Operation.ChatCompletions;

    public Operation To => Operation.Messages;

    public InferenceError? TranslateRequest(ReadOnlyMemory<byte> body, TranslationTarget target, IBufferWriter<byte> output)
    {
        using var document = JsonDocument.Parse(body, DialectJson.Reading);
        using var json = new Utf8JsonWriter(output, DialectJson.Writing);
        var faults = new TranslationFaults(target);
        try
        {
            new ChatRequest(document.RootElement, target, json, faults).Write();
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair in an escape is well-formed JSON and no text.
            return InferenceError.Malformed("A string in the body holds an escape that is no character.");
        }

        return faults.First;
    }

    public AnswerTranslator BeginAnswer(AnswerContext context) => new ChatAnswer(context);
}
