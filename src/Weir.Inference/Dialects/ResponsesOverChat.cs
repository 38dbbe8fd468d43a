using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Dialects;

/// <summary>
/// OpenAI's Responses API at a deployment that has only chat: what needs nothing but the request itself is translated, what needs a server
/// that keeps responses is refused by name.
/// </summary>
/// <param name="newId">Gives the part of ids that tells one answer from another; null: at random.</param>
internal sealed class ResponsesOverChat(Func<string>? newId = null) : ITranslation
{
    private const int IdLength = 32;

    public Operation From => Operation.Responses;

    public Operation To => Operation.ChatCompletions;

    public InferenceError? TranslateRequest(ReadOnlyMemory<byte> body, TranslationTarget target, IBufferWriter<byte> output)
    {
        try
        {
            using var document = JsonDocument.Parse(body, DialectJson.Reading);
            using var writer = new Utf8JsonWriter(output, DialectJson.Writing);
            return new ResponsesRequest(document.RootElement, target, writer).Write();
        }
        catch (InvalidOperationException)
        {
            // An escape of half a character: JSON allows it, text does not.
            return InferenceError.Malformed("A string in the body holds half of a surrogate pair, which is no text.");
        }
    }

    public AnswerTranslator BeginAnswer(AnswerContext context) =>
        new ResponsesAnswer(context, newId?.Invoke() ?? RandomNumberGenerator.GetHexString(IdLength, lowercase: true));

    /// <summary>What a field of the chat request was in the client's, for what a further translation has to say about it.</summary>
    public static string FieldOf(string field)
    {
        var end = field.AsSpan().IndexOfAny('.', '[');
        var name = end < 0 ? field : field[..end];
        return name switch
        {
            "messages" => "input",
            "max_tokens" or "max_completion_tokens" => "max_output_tokens",
            "reasoning_effort" => "reasoning.effort",
            "response_format" => "text.format",
            "verbosity" => "text.verbosity",
            _ => field,
        };
    }
}
