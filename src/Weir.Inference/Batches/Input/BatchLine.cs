using System.Text.Json;
using System.Text.Unicode;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Requests;

namespace Weir.Inference.Batches.Input;

/// <summary>One line of a batch's file.</summary>
/// <param name="CustomId">What the client knows it by.</param>
/// <param name="Body">The request, as it stands in the line.</param>
/// <param name="Head">What the gateway needs to know of it.</param>
internal readonly record struct BatchLine(string CustomId, ReadOnlyMemory<byte> Body, RequestHead Head)
{
    private const int LongestCustomId = 512;

    /// <returns>Null with <paramref name="parsed"/> set, or what is wrong; the line's number is not known here.</returns>
    public static BatchFault? Parse(ReadOnlyMemory<byte> line, string endpoint, out BatchLine parsed)
    {
        parsed = default;
        if (line.Span.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0)
        {
            return Fault("empty_line", "The line is empty: remove it.");
        }

        if (!Utf8.IsValid(line.Span))
        {
            return Fault("invalid_encoding", "The line is not valid UTF-8.");
        }

        try
        {
            return ParseObject(line, endpoint, out parsed);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The latter is met when an escape that is no character is read as text.
            return Fault("invalid_json_line", $"The line is not a well-formed JSON object{(fault is JsonException { BytePositionInLine: { } at } ? $" at byte {at + 1}" : "")}.");
        }
    }

    private static BatchFault? ParseObject(ReadOnlyMemory<byte> line, string endpoint, out BatchLine parsed)
    {
        parsed = default;
        string? id = null, method = null, url = null;
        Range? body = null;
        var seen = Fields.None;
        var reader = new Utf8JsonReader(line.Span, new JsonReaderOptions { MaxDepth = RequestHeadScanner.MaxDepth + 1 });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return Fault("invalid_json_line", "The line is not a JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = reader.ValueTextEquals("custom_id"u8) ? Fields.CustomId
                : reader.ValueTextEquals("method"u8) ? Fields.Method
                : reader.ValueTextEquals("url"u8) ? Fields.Url
                : reader.ValueTextEquals("body"u8) ? Fields.Body : Fields.None;
            reader.Read();
            if ((seen & field) != 0)
            {
                return Fault("invalid_json_line", $"\"{NameOf(field)}\" is given twice.", NameOf(field));
            }

            seen |= field;
            var text = reader.TokenType == JsonTokenType.String && field is not (Fields.None or Fields.Body) ? reader.GetString() : null;
            switch (field)
            {
                case Fields.CustomId: id = text; break;
                case Fields.Method: method = text; break;
                case Fields.Url: url = text; break;
            }

            var start = (int)reader.TokenStartIndex;
            var isObject = reader.TokenType == JsonTokenType.StartObject;
            reader.Skip();
            if (field == Fields.Body && isObject)
            {
                body = start..(int)reader.BytesConsumed;
            }
        }

        // Whatever follows the object makes this throw.
        reader.Read();
        return Check(line, endpoint, id, method, url, body, out parsed);
    }

    private static BatchFault? Check(
        ReadOnlyMemory<byte> line, string endpoint, string? id, string? method, string? url, Range? body, out BatchLine parsed)
    {
        parsed = default;
        if (string.IsNullOrEmpty(id) || id.Length > LongestCustomId)
        {
            return Fault("invalid_custom_id", $"\"custom_id\" must be a string of 1 to {LongestCustomId} characters.", "custom_id");
        }

        if (!string.Equals(method, "POST", StringComparison.OrdinalIgnoreCase))
        {
            return Fault("invalid_method", "\"method\" must be \"POST\".", "method");
        }

        if (url != endpoint)
        {
            return Fault("mismatched_url", $"\"url\" must be \"{endpoint}\", the endpoint of the batch.", "url");
        }

        if (body is not { } range)
        {
            return Fault("invalid_body", "\"body\" must be an object: the request.", "body");
        }

        var request = line[range];
        if (RequestHeadScanner.Scan(request.Span, out var head) is { } fault)
        {
            return Fault("invalid_body", fault.Message, fault.Param is null ? "body" : "body." + fault.Param);
        }

        if (head.Stream)
        {
            return Fault("stream_not_supported", "\"stream\" cannot be true: a batch has no one to stream to.", "body.stream");
        }

        parsed = new BatchLine(id, request, head);
        return null;
    }

    private static string NameOf(Fields field) => field switch
    {
        Fields.CustomId => "custom_id",
        Fields.Method => "method",
        Fields.Url => "url",
        _ => "body",
    };

    private static BatchFault Fault(string code, string message, string? param = null) => new(code, null, message, param);

    [Flags]
    private enum Fields
    {
        None = 0,
        CustomId = 1,
        Method = 2,
        Url = 4,
        Body = 8,
    }
}
