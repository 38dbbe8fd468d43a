using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Text, images and documents that a user or a tool gives.</summary>
internal sealed class MessagesUserContent(Utf8JsonWriter json, TranslationFaults faults, MessagesFlavour flavour)
{
    private readonly JsonText _text = new();

    /// <summary>The content of one message: a string where that says it all, else parts.</summary>
    public void Write(List<(JsonElement Block, string Field)> blocks)
    {
        json.WritePropertyName("content"u8);
        if (blocks is [var (block, field)] && block.TypeOf() == "text" && Mark(block) is null)
        {
            if (block.Find("text"u8) is { ValueKind: JsonValueKind.String } text)
                _text.Begin().Add(DialectJson.Inner(text)).WriteTo(json);
            else
                faults.Malformed(field + ".text", "a string");
            return;
        }

        json.WriteStartArray();
        var written = 0;
        foreach (var (part, place) in blocks)
            written += Part(part, place) ? 1 : 0;
        if (written == 0)
            TextPart(_text.Begin(), mark: null);
        json.WriteEndArray();
    }

    /// <summary>Writes a part of a message; false where it cannot be one and has been left out.</summary>
    public bool Part(JsonElement block, string field)
    {
        if (AddAsText(_text.Begin(), block, field, continues: false))
        {
            TextPart(_text, Mark(block));
            return true;
        }

        return block.TypeOf() == "image" ? Image(block, field) : block.TypeOf() == "document" && File(block, field);
    }

    /// <summary>
    /// Adds what is text, of whatever type, apart from what it continues; false for an image or a file, and for what has been left out.
    /// </summary>
    public bool AddAsText(JsonText text, JsonElement block, string field, bool continues)
    {
        var type = block.TypeOf();
        switch (type)
        {
            case "text" when block.Find("text"u8) is { ValueKind: JsonValueKind.String } content:
                (continues ? text.Separate() : text).Add(DialectJson.Inner(content));
                return true;
            case "search_result":
                Citations(block, field);
                if (continues)
                    text.Separate();
                Titled(text, block, "title"u8, "source"u8);
                return AddAll(text, block.Find("content"u8) ?? default, field + ".content");
            case "document" when block.Find("source"u8) is { ValueKind: JsonValueKind.Object } source && source.TypeOf() is "text" or "content":
                Citations(block, field);
                if (continues)
                    text.Separate();
                Titled(text, block, "title"u8, "context"u8);
                var inner = source.Find(source.TypeOf() == "text" ? "data"u8 : "content"u8) ?? default;
                return AddAll(text, inner, field + ".source");
            case "image" or "document":
                return false;
            case null or "text":
                faults.Malformed(field, type is null ? "an object with a type" : "a block with a text");
                return false;
            default:
                faults.Cannot(field, $"a chat has nothing like a block of type '{type}' here.");
                return false;
        }
    }

    private static void Titled(JsonText text, JsonElement block, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        if (block.Find(first) is { ValueKind: JsonValueKind.String } title)
            text.Add(DialectJson.Inner(title)).Add("""\n"""u8);
        if (block.Find(second) is { ValueKind: JsonValueKind.String } more)
            text.Add(DialectJson.Inner(more)).Add("""\n"""u8);
    }

    private bool AddAll(JsonText text, JsonElement content, string field)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            text.Add(DialectJson.Inner(content));
        }
        else if (content.ValueKind == JsonValueKind.Array)
        {
            var index = 0;
            foreach (var block in content.EnumerateArray())
            {
                if (block.TypeOf() == "text" && block.Find("text"u8) is { ValueKind: JsonValueKind.String } inner)
                    (index > 0 ? text.Separate() : text).Add(DialectJson.Inner(inner));
                else
                    faults.Cannot($"{field}[{index}]", "only text can stand inside a text of a chat.");
                index++;
            }
        }
        else
        {
            faults.Malformed(field, "a string or an array of blocks");
        }

        return true;
    }

    private bool Image(JsonElement block, string field)
    {
        if (!TryAddress(block, field, out var address))
            return false;
        json.WriteStartObject();
        json.WriteString("type"u8, "image_url"u8);
        json.WriteStartObject("image_url"u8);
        json.WritePropertyName("url"u8);
        address.WriteTo(json);
        json.WriteEndObject();
        WriteMark(Mark(block));
        json.WriteEndObject();
        return true;
    }

    private bool File(JsonElement block, string field)
    {
        Citations(block, field);
        if (block.Find("source"u8) is { } source && source.TypeOf() == "url")
        {
            faults.Cannot(field + ".source", "a chat takes a file by its content, not by its address.");
            return false;
        }

        if (!TryAddress(block, field, out var address))
            return false;
        json.WriteStartObject();
        json.WriteString("type"u8, "file"u8);
        json.WriteStartObject("file"u8);
        if (block.Find("title"u8) is { ValueKind: JsonValueKind.String } title)
            json.Copy("filename"u8, title);
        else
            json.WriteString("filename"u8, "document.pdf"u8);
        json.WritePropertyName("file_data"u8);
        address.WriteTo(json);
        json.WriteEndObject();
        WriteMark(Mark(block));
        json.WriteEndObject();
        return true;
    }

    /// <summary>Where the content of a block is: an address, or the content itself as a data URL.</summary>
    private bool TryAddress(JsonElement block, string field, out JsonText address)
    {
        address = _text.Begin();
        field += ".source";
        if (block.Find("source"u8) is not { ValueKind: JsonValueKind.Object } source)
        {
            faults.Malformed(field, "an object");
            return false;
        }

        switch (source.TypeOf())
        {
            case "base64" when source.Find("data"u8) is { ValueKind: JsonValueKind.String } data && source.Find("media_type"u8) is { ValueKind: JsonValueKind.String } type:
                address.Add("data:"u8).Add(DialectJson.Inner(type)).Add(";base64,"u8).Add(DialectJson.Inner(data));
                return true;
            case "url" when source.Find("url"u8) is { ValueKind: JsonValueKind.String } url:
                address.Add(DialectJson.Inner(url));
                return true;
            case "file":
                faults.Cannot(field + ".file_id", "files that were uploaded to Anthropic are not known there.");
                return false;
            default:
                faults.Malformed(field, "a source of type base64 with media_type and data, or of type url with a url");
                return false;
        }
    }

    private void Citations(JsonElement block, string field)
    {
        if (block.Find("citations"u8) is { ValueKind: JsonValueKind.Object } citations && citations.Find("enabled"u8) is { ValueKind: JsonValueKind.True })
            faults.Cannot(field + ".citations", "answers of a chat cite no documents.");
    }

    /// <summary>The mark for the cache on a block; null where there is none, or where none is taken.</summary>
    public JsonElement? Mark(JsonElement block)
    {
        if (block.Find("cache_control"u8) is not { } mark)
            return null;
        if (flavour.TakesMore)
            return mark;
        faults.Dropped("cache_control");
        return null;
    }

    private void TextPart(JsonText text, JsonElement? mark)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "text"u8);
        json.WritePropertyName("text"u8);
        text.WriteTo(json);
        WriteMark(mark);
        json.WriteEndObject();
    }

    private void WriteMark(JsonElement? mark)
    {
        if (mark is { } given)
            json.Copy("cache_control"u8, given);
    }
}
