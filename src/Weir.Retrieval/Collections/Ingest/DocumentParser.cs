using System.Text;
using System.Text.Json;

namespace Weir.Retrieval.Collections.Ingest;

/// <summary>Makes a document of one JSON object, or says what is wrong with it and where.</summary>
internal sealed class DocumentParser(CollectionLimits limits)
{
    /// <param name="element">What stands there.</param>
    /// <param name="place">In the body: <c>[17]</c>, or <c>line 42</c>.</param>
    /// <param name="line">Of JSON Lines.</param>
    public IngestItem Parse(JsonElement element, string place, int? line)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return Fail(null, "invalid_document", $"{place} must be an object with id and text.");

        string? id = null, text = null;
        JsonElement? metadata = null;
        try
        {
            foreach (var property in element.EnumerateObject())
            {
                switch (property.Name)
                {
                    case "id" when property.Value.ValueKind == JsonValueKind.String:
                        id = property.Value.GetString();
                        break;
                    case "text" when property.Value.ValueKind == JsonValueKind.String:
                        text = property.Value.GetString();
                        break;
                    case "metadata" when property.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Null:
                        metadata = property.Value.ValueKind == JsonValueKind.Null ? null : property.Value;
                        break;
                    case "id" or "text":
                        return Fail(id, "invalid_document", $"{place}.{property.Name} must be a text.");
                    case "metadata":
                        return Fail(id, "invalid_metadata", $"{place}.metadata must be an object.");
                    default:
                        return Fail(id, "unknown_field", $"{place}.{Shown(property.Name)} is not known here: a document has id, text and metadata; put other fields into metadata.");
                }
            }
        }
        catch (InvalidOperationException)
        {
            // The reader's way to say that a text is no valid UTF-8, or has half a pair of surrogates.
            return Fail(id, "invalid_utf8", $"{place} holds a text that is not valid Unicode.");
        }

        return Check(id, text, metadata, place, line);

        IngestItem Fail(string? at, string code, string message) => new(null, new IngestFailure(at, line, code, message)) { Line = line };
    }

    /// <summary>Checks what one document may be.</summary>
    public IngestItem Check(string? id, string? text, JsonElement? metadata, string place, int? line, bool markdown = false)
    {
        var (code, message) = Fault(id, text, metadata, place);
        return code is null
            ? new IngestItem(new NewDocument(id!, text!) { Metadata = metadata?.Clone(), Markdown = markdown }, null) { Line = line }
            : new IngestItem(null, new IngestFailure(id is { Length: <= 512 } ? id : null, line, code, message)) { Line = line };
    }

    private (string? Code, string Message) Fault(string? id, string? text, JsonElement? metadata, string place)
    {
        if (id is null || id.Length == 0)
            return ("invalid_document", $"{place}.id is missing: it names the document, and replaces an earlier one of the same id.");
        // Whoever reads a path resolves these two before anybody can say which document they name.
        if (id is "." or ".." || id.Contains('\0', StringComparison.Ordinal))
            return ("invalid_id", $"{place}.id must not be '.' or '..', nor hold a NUL: no path could name it.");
        if (Encoding.UTF8.GetByteCount(id) > limits.IdBytes)
            return ("id_too_long", $"{place}.id has more than {limits.IdBytes} bytes.");
        if (text is null)
            return ("invalid_document", $"{place}.text is missing.");
        if (string.IsNullOrWhiteSpace(text))
            return ("empty_text", $"{place}.text is empty: there is nothing to find in it.");
        if (Encoding.UTF8.GetByteCount(text) is var bytes && bytes > limits.TextBytes)
            return ("text_too_large", $"{place}.text has {bytes} bytes; a document has at most {limits.TextBytes}: divide it into several.");
        if (metadata is not { } value)
            return (null, "");
        if (IsDeeper(value, limits.MetadataDepth))
            return ("invalid_metadata", $"{place}.metadata is nested deeper than {limits.MetadataDepth}.");
        try
        {
            var size = JsonSerializer.SerializeToUtf8Bytes(value, Storage.CollectionJson.Compact.JsonElement).Length;
            return size > limits.MetadataBytes
                ? ("metadata_too_large", $"{place}.metadata has {size} bytes; at most {limits.MetadataBytes} are kept.")
                : (null, "");
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or JsonException)
        {
            return ("invalid_utf8", $"{place}.metadata holds a text that is not valid Unicode.");
        }
    }

    private static bool IsDeeper(JsonElement value, int most) => value.ValueKind switch
    {
        JsonValueKind.Object => most == 0 || value.EnumerateObject().Any(property => IsDeeper(property.Value, most - 1)),
        JsonValueKind.Array => most == 0 || value.EnumerateArray().Any(element => IsDeeper(element, most - 1)),
        _ => false,
    };

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64] + "…";
}
