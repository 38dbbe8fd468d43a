using System.Text;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>What the content of a message may hold besides text.</summary>
[Flags]
internal enum ChatParts
{
    Text = 1,

    /// <summary>Images and files.</summary>
    Media = 2,
}

/// <summary>
/// The content of a message as blocks. Text of blanks alone is left out, since Anthropic refuses it; <c>cache_control</c> passes, and one on the
/// message goes to its last part. How closely an image is to be looked at (<c>detail</c>) is OpenAI's to know, and is left out and told.
/// </summary>
internal sealed class ChatContent(Utf8JsonWriter json, TranslationFaults faults)
{
    /// <summary>What is written begins the answer, which Anthropic refuses where that ends with a blank.</summary>
    public bool TrimsEnd { get; set; }

    /// <param name="message">The message.</param>
    /// <param name="path">Where it stands, for messages to people.</param>
    /// <param name="allowed">What its role may say.</param>
    /// <param name="open">Called before each block.</param>
    public void Write(JsonElement message, string path, ChatParts allowed, Action open)
    {
        if (message.Find("content"u8) is not { } content)
        {
            return;
        }

        var cache = message.Find("cache_control"u8);
        if (content.ValueKind == JsonValueKind.String)
        {
            Text(content, cache, open);
        }
        else
        {
            Parts(content, path + ".content", allowed, cache, open);
        }
    }

    /// <param name="content">An array of parts.</param>
    /// <param name="path">Where it stands, for messages to people.</param>
    /// <param name="allowed">What its role may say.</param>
    /// <param name="cache">Goes to the last part, unless that has its own; null: nowhere.</param>
    /// <param name="open">Called before each block.</param>
    public void Parts(JsonElement content, string path, ChatParts allowed, JsonElement? cache, Action open)
    {
        if (content.ValueKind != JsonValueKind.Array)
        {
            faults.Malformed(path, "a text or an array of parts");
            return;
        }

        var at = 0;
        var last = content.GetArrayLength() - 1;
        foreach (var part in content.EnumerateArray())
        {
            var own = part.Find("cache_control"u8) ?? (at == last ? cache : null);
            Part(part, $"{path}[{at++}]", allowed, own, open);
        }
    }

    public void Text(JsonElement text, JsonElement? cache, Action open)
    {
        if (DialectJson.IsBlank(text))
        {
            return;
        }

        open();
        json.WriteStartObject();
        json.WriteString("type"u8, "text"u8);
        if (TrimsEnd && text.GetString() is { Length: > 0 } ending && char.IsWhiteSpace(ending[^1]))
        {
            json.WriteString("text"u8, ending.TrimEnd());
        }
        else
        {
            json.Copy("text"u8, text);
        }

        End(cache);
    }

    private void Part(JsonElement part, string path, ChatParts allowed, JsonElement? cache, Action open)
    {
        switch (part.TypeOf())
        {
            case "text" when part.FindText("text"u8) is { } text:
                Text(text, cache, open);
                break;
            case "refusal" when part.FindText("refusal"u8) is { } refusal:
                Text(refusal, cache, open);
                break;
            case "image_url" when (allowed & ChatParts.Media) != 0 && part.Find("image_url"u8) is { } image:
                if (image.TextOf("detail"u8) is not (null or "auto"))
                {
                    faults.Dropped("messages[].content[].image_url.detail");
                }

                Source("image", image.ValueKind == JsonValueKind.String ? image : image.FindText("url"u8), path + ".image_url.url", title: null, cache, open);
                break;
            case "file" when (allowed & ChatParts.Media) != 0 && part.Find("file"u8) is { } file:
                File(file, path + ".file", cache, open);
                break;
            case "input_audio":
                faults.Cannot(path, "Anthropic's models do not listen.");
                break;
            case "image_url" or "file" when (allowed & ChatParts.Media) == 0:
                faults.Cannot(path, "Anthropic takes text alone from this role.");
                break;
            case "text" or "refusal" or "image_url" or "file":
                faults.Malformed(path, "a part that holds what its type says");
                break;
            case { } type:
                faults.Cannot(path, $"Anthropic has no parts of the type '{type}'.");
                break;
            case null:
                faults.Malformed(path, "an object with a type");
                break;
        }
    }

    private void File(JsonElement file, string path, JsonElement? cache, Action open)
    {
        if (file.FindText("file_data"u8) is { } data)
        {
            Source("document", data, path + ".file_data", file.FindText("filename"u8), cache, open);
        }
        else if (file.Find("file_id"u8) is not null)
        {
            faults.Cannot(path + ".file_id", "the file lies at OpenAI; send it as file_data.");
        }
        else
        {
            faults.Malformed(path, "an object with file_data");
        }
    }

    private void Source(string type, JsonElement? address, string path, JsonElement? title, JsonElement? cache, Action open)
    {
        if (address is not { } url)
        {
            faults.Malformed(path, "a text");
            return;
        }

        var text = Plain(url);
        var isData = text.StartsWith("data:"u8);
        var comma = text.IndexOf((byte)',');
        ReadOnlySpan<byte> kind = default;
        if (isData && (comma < 0 || !TryKind(text[5..comma], out kind)))
        {
            faults.Malformed(path, "a data URL with a type and base64, such as data:image/png;base64,…");
            return;
        }

        if (!isData && !text.StartsWith("https://"u8) && !text.StartsWith("http://"u8))
        {
            faults.Malformed(path, "a data URL or an address that begins with https://");
            return;
        }

        open();
        json.WriteStartObject();
        json.WriteString("type"u8, type);
        json.WriteStartObject("source"u8);
        if (isData)
        {
            json.WriteString("type"u8, "base64"u8);
            json.WriteString("media_type"u8, kind);
            json.WriteString("data"u8, text[(comma + 1)..]);
        }
        else
        {
            json.WriteString("type"u8, "url"u8);
            json.WriteString("url"u8, text);
        }

        json.WriteEndObject();
        if (title is { } name)
        {
            json.Copy("title"u8, name);
        }

        End(cache);
    }

    // Megabytes of base64 hold nothing that is escaped, unless a client escapes slashes.
    private static ReadOnlySpan<byte> Plain(JsonElement text)
    {
        var raw = DialectJson.Inner(text);
        return raw.IndexOf((byte)'\\') < 0 ? raw : Encoding.UTF8.GetBytes(text.GetString()!);
    }

    // What stands between "data:" and the comma: a type, parameters perhaps, and at last base64.
    private static bool TryKind(ReadOnlySpan<byte> head, out ReadOnlySpan<byte> kind)
    {
        var end = head.IndexOf((byte)';');
        kind = end < 0 ? head : head[..end];
        return end > 0 && head.EndsWith(";base64"u8);
    }

    private void End(JsonElement? cache)
    {
        if (cache is { } control)
        {
            json.Copy("cache_control"u8, control);
        }

        json.WriteEndObject();
    }
}
