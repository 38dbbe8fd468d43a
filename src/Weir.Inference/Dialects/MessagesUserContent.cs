using System.Text.Json;
using static Weir.Inference.Dialects.MessagesOverChat;

namespace Weir.Inference.Dialects;

/// <summary>Text, images and documents that a user or a tool gives.</summary>
internal sealed class MessagesUserContent(Utf8JsonWriter json, MessagesFaults faults, MessagesFlavour flavour)
{
    private readonly MessagesText _text = new();

    /// <summary>The content of one message: a string where that says it all, else parts.</summary>
    public void Write(List<(JsonElement Block, string Field)> blocks)
    {
        json.WritePropertyName("content"u8);
        if (blocks is [var (block, field)] && TypeOf(block) == "text" && !(flavour.TakesMore && Find(block, "cache_control"u8) is not null))
        {
            if (Find(block, "text"u8) is { ValueKind: JsonValueKind.String } text)
                _text.Begin().Add(MessagesText.Inner(text)).WriteTo(json);
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

        return TypeOf(block) == "image" ? Image(block, field) : TypeOf(block) == "document" && File(block, field);
    }

    /// <summary>
    /// Adds what is text, of whatever type, apart from what it continues; false for an image or a file, and for what has been left out.
    /// </summary>
    public bool AddAsText(MessagesText text, JsonElement block, string field, bool continues)
    {
        var type = TypeOf(block);
        switch (type)
        {
            case "text" when Find(block, "text"u8) is { ValueKind: JsonValueKind.String } content:
                (continues ? text.Separate() : text).Add(MessagesText.Inner(content));
                return true;
            case "search_result":
                Citations(block, field);
                if (continues)
                    text.Separate();
                Titled(text, block, "title"u8, "source"u8);
                return AddAll(text, Find(block, "content"u8) ?? default, field + ".content");
            case "document" when Find(block, "source"u8) is { ValueKind: JsonValueKind.Object } source && TypeOf(source) is "text" or "content":
                Citations(block, field);
                if (continues)
                    text.Separate();
                Titled(text, block, "title"u8, "context"u8);
                var inner = Find(source, TypeOf(source) == "text" ? "data"u8 : "content"u8) ?? default;
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

    private static void Titled(MessagesText text, JsonElement block, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        if (Find(block, first) is { ValueKind: JsonValueKind.String } title)
            text.Add(MessagesText.Inner(title)).Add("""\n"""u8);
        if (Find(block, second) is { ValueKind: JsonValueKind.String } more)
            text.Add(MessagesText.Inner(more)).Add("""\n"""u8);
    }

    private bool AddAll(MessagesText text, JsonElement content, string field)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            text.Add(MessagesText.Inner(content));
        }
        else if (content.ValueKind == JsonValueKind.Array)
        {
            var index = 0;
            foreach (var block in content.EnumerateArray())
            {
                if (TypeOf(block) == "text" && Find(block, "text"u8) is { ValueKind: JsonValueKind.String } inner)
                    (index > 0 ? text.Separate() : text).Add(MessagesText.Inner(inner));
                else
                    faults.Cannot($"{field}.{index}", "only text can stand inside a text of a chat.");
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
        if (Find(block, "source"u8) is { } source && TypeOf(source) == "url")
        {
            faults.Cannot(field + ".source", "a chat takes a file by its content, not by its address.");
            return false;
        }

        if (!TryAddress(block, field, out var address))
            return false;
        json.WriteStartObject();
        json.WriteString("type"u8, "file"u8);
        json.WriteStartObject("file"u8);
        if (Find(block, "title"u8) is { ValueKind: JsonValueKind.String } title)
            MessagesText.Copy(json, "filename"u8, title);
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
    private bool TryAddress(JsonElement block, string field, out MessagesText address)
    {
        address = _text.Begin();
        field += ".source";
        if (Find(block, "source"u8) is not { ValueKind: JsonValueKind.Object } source)
        {
            faults.Malformed(field, "an object");
            return false;
        }

        switch (TypeOf(source))
        {
            case "base64" when Find(source, "data"u8) is { ValueKind: JsonValueKind.String } data && Find(source, "media_type"u8) is { ValueKind: JsonValueKind.String } type:
                address.Add("data:"u8).Add(MessagesText.Inner(type)).Add(";base64,"u8).Add(MessagesText.Inner(data));
                return true;
            case "url" when Find(source, "url"u8) is { ValueKind: JsonValueKind.String } url:
                address.Add(MessagesText.Inner(url));
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
        if (Find(block, "citations"u8) is { ValueKind: JsonValueKind.Object } citations && Find(citations, "enabled"u8) is { ValueKind: JsonValueKind.True })
            faults.Cannot(field + ".citations", "answers of a chat cite no documents.");
    }

    private JsonElement? Mark(JsonElement block) =>
        flavour.TakesMore && block.ValueKind == JsonValueKind.Object ? Find(block, "cache_control"u8) : null;

    private void TextPart(MessagesText text, JsonElement? mark)
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
            MessagesText.Copy(json, "cache_control"u8, given);
    }
}
