using System.Globalization;
using System.Text;
using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Dialects;

/// <summary>
/// Counts the tokens of a request to <c>/v1/messages</c> where no provider can be asked to: four bytes of text each, over the system prompt,
/// the messages and the tools; <see cref="Image"/> for an image and <see cref="Document"/> for a document that is not text.
/// </summary>
internal struct TokenEstimate
{
    /// <summary>An image, in tokens: what Anthropic says that one of the largest size it does not scale down comes to.</summary>
    public const int Image = 1600;

    /// <summary>A document in base64 or by address, in tokens: about two pages by Anthropic's figures, since its pages cannot be counted here.</summary>
    public const int Document = 4000;

    private const int BytesPerToken = 4;

    private long _bytes;
    private long _tokens;

    private enum Part
    {
        Text,
        Image,
        Document,
    }

    /// <summary>The body of the answer: <c>{"input_tokens":n}</c>.</summary>
    public static byte[] Answer(ReadOnlySpan<byte> body) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $$"""{"input_tokens":{{Count(body)}}}"""));

    /// <param name="body">Well-formed JSON, an object.</param>
    public static long Count(ReadOnlySpan<byte> body)
    {
        try
        {
            var estimate = default(TokenEstimate);
            estimate.Body(body);
            return Math.Max(1, ((estimate._bytes + BytesPerToken - 1) / BytesPerToken) + estimate._tokens);
        }
        catch (InvalidOperationException)
        {
            // The name of a field is no text: no provider would take the body either.
            return Math.Max(1, body.Length / BytesPerToken);
        }
    }

    private void Body(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestHeadScanner.MaxDepth });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isTools = reader.ValueTextEquals("tools"u8);
            var isPrompt = reader.ValueTextEquals("system"u8) || reader.ValueTextEquals("messages"u8);
            reader.Read();
            if (isTools || isPrompt)
            {
                Value(ref reader, isTools);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    // The names of a schema's fields go to the model; those of a message's do not.
    private void Value(ref Utf8JsonReader reader, bool isTools)
    {
        var depth = reader.CurrentDepth;
        var part = Part.Text;
        Text(reader);
        if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
        {
            return;
        }

        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                Text(reader);
            }
            else if (isTools)
            {
                _bytes += reader.ValueSpan.Length;
            }
            else if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                part = reader.TokenType != JsonTokenType.String ? Part.Text
                    : reader.ValueTextEquals("image"u8) ? Part.Image
                    : reader.ValueTextEquals("document"u8) ? Part.Document
                    : Part.Text;
            }
            else if (part != Part.Text && reader.ValueTextEquals("source"u8))
            {
                Source(ref reader, part);
                part = Part.Text;
            }
        }
    }

    private void Source(ref Utf8JsonReader reader, Part part)
    {
        reader.Read();
        var depth = reader.CurrentDepth;
        var before = _bytes;
        var isText = false;
        var isObject = reader.TokenType == JsonTokenType.StartObject;
        while (isObject && reader.Read() && reader.CurrentDepth > depth)
        {
            isText |= reader.TokenType == JsonTokenType.String && (reader.ValueTextEquals("text"u8) || reader.ValueTextEquals("content"u8));
            Text(reader);
        }

        if (!isText)
        {
            _bytes = before;
            _tokens += part == Part.Image ? Image : Document;
        }
    }

    private void Text(in Utf8JsonReader reader) =>
        _bytes += reader.TokenType is JsonTokenType.String or JsonTokenType.Number ? reader.ValueSpan.Length : 0;
}
