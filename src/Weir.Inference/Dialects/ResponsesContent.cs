using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Writes what a user, the system or a tool gives: a string, or parts.</summary>
internal sealed class ResponsesContent(TranslationTarget target, Utf8JsonWriter writer)
{
    /// <param name="item">Has the content.</param>
    /// <param name="name">Under which property.</param>
    /// <param name="path">For messages to people.</param>
    public InferenceError? Write(JsonElement item, ReadOnlySpan<byte> name, string path)
    {
        switch (item.Find(name))
        {
            case { ValueKind: JsonValueKind.String }:
                writer.Copy(item, name, "content"u8);
                return null;
            case { ValueKind: JsonValueKind.Array } parts:
                return Parts(parts, path);
            default:
                return InferenceError.Malformed($"'{path}' takes a string or a list of parts.", path);
        }
    }

    private InferenceError? Parts(JsonElement parts, string path)
    {
        // One text alone is written as servers have always taken it.
        if (parts.GetArrayLength() == 1 && IsText(parts[0]) && parts[0].Find("cache_control"u8) is null)
        {
            writer.Copy(parts[0], "text"u8, "content"u8);
            return null;
        }

        writer.WriteStartArray("content"u8);
        var at = 0;
        foreach (var part in parts.EnumerateArray())
        {
            if (Part(part, $"{path}[{at++}]") is { } error)
            {
                return error;
            }
        }

        writer.WriteEndArray();
        return null;
    }

    private InferenceError? Part(JsonElement part, string path)
    {
        switch (part.TypeOf())
        {
            case "input_text" or "output_text" or "text" when part.TextOf("text"u8) is not null:
                writer.WriteStartObject();
                writer.WriteString("type"u8, "text"u8);
                writer.Copy(part, "text"u8);
                break;
            case "input_image" when part.Find("image_url"u8) is { ValueKind: JsonValueKind.String }:
                if (Image(part, path) is { } error)
                {
                    return error;
                }

                break;
            case "input_file" when part.Find("file_data"u8) is { ValueKind: JsonValueKind.String }:
                writer.WriteStartObject();
                writer.WriteString("type"u8, "file"u8);
                writer.WriteStartObject("file"u8);
                writer.Copy(part, "filename"u8);
                writer.Copy(part, "file_data"u8);
                writer.WriteEndObject();
                break;
            case "input_audio" when part.Find("input_audio"u8) is { ValueKind: JsonValueKind.Object }:
                writer.WriteStartObject();
                writer.WriteString("type"u8, "input_audio"u8);
                writer.Copy(part, "input_audio"u8);
                break;
            case "input_image" or "input_file" when part.Find("file_id"u8) is not null:
                return ResponsesRequest.NeedsState(target, path + ".file_id");
            case "input_file" when part.Find("file_url"u8) is not null:
                return target.Cannot(path + ".file_url", "chat takes a file by its content, not by its address.");
            case { } type when part.ValueKind == JsonValueKind.Object && type is not ("input_text" or "output_text" or "text" or "input_image" or "input_file" or "input_audio"):
                return target.Cannot(path, $"chat has nothing like a part of type '{type}' here.");
            default:
                return InferenceError.Malformed($"'{path}' is no part with a type and what belongs to it.", path);
        }

        writer.Copy(part, "cache_control"u8);
        writer.WriteEndObject();
        return null;
    }

    private InferenceError? Image(JsonElement part, string path)
    {
        var detail = part.TextOf("detail"u8);
        if (detail is "original" && target.Cannot(path + ".detail", "chat knows auto, low and high.") is { } error)
        {
            return error;
        }

        writer.WriteStartObject();
        writer.WriteString("type"u8, "image_url"u8);
        writer.WriteStartObject("image_url"u8);
        writer.Copy(part, "image_url"u8, "url"u8);
        if (detail is "low" or "high")
        {
            writer.WriteString("detail"u8, detail);
        }

        writer.WriteEndObject();
        return null;
    }

    private static bool IsText(JsonElement part) =>
        part.TypeOf() is "input_text" or "output_text" or "text" && part.Find("text"u8) is { ValueKind: JsonValueKind.String };
}
