using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// How bodies of both dialects are read and written. Values pass from one to the other as they were escaped, large ones without becoming a
/// .NET string. A field that is null, or not of the type that is looked for, counts as absent.
/// </summary>
internal static class DialectJson
{
    /// <summary>As deep as a request may be, and a little more for what a provider wraps around it.</summary>
    public static readonly JsonDocumentOptions Reading = new() { MaxDepth = 160 };

    /// <summary>It goes to no HTML page: text stays as short as it is.</summary>
    public static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Null where there is no such field, or <paramref name="from"/> is no object.</summary>
    public static JsonElement? Find(this JsonElement from, ReadOnlySpan<byte> name) =>
        from.ValueKind == JsonValueKind.Object && from.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Null where there is no such field, or no text in it.</summary>
    public static JsonElement? FindText(this JsonElement from, ReadOnlySpan<byte> name) =>
        from.Find(name) is { ValueKind: JsonValueKind.String } text ? text : null;

    /// <summary>Null where there is no such field, or no text in it.</summary>
    public static string? TextOf(this JsonElement from, ReadOnlySpan<byte> name) => from.FindText(name)?.GetString();

    /// <summary>The type of a block, a part, a source or a tool; null where it has none.</summary>
    public static string? TypeOf(this JsonElement of) => of.TextOf("type"u8);

    /// <summary>0 where there is no such field, or no whole number over 0 in it.</summary>
    public static long CountOf(this JsonElement from, ReadOnlySpan<byte> name) =>
        from.Find(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var count) ? Math.Max(0, count) : 0;

    /// <summary>Empty where there is no such field, or no list in it.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement from, ReadOnlySpan<byte> name) =>
        from.Find(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    /// <summary>What a chat's call passes to its function: a text that holds JSON, or the object itself, as Ollama has it. Empty where there is none.</summary>
    public static string ArgumentsOf(JsonElement function) => function.Find("arguments"u8) switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString()!,
        { ValueKind: JsonValueKind.Object } value => value.GetRawText(),
        _ => "",
    };

    /// <summary>Writes a value exactly as it came.</summary>
    public static void Copy(this Utf8JsonWriter json, JsonElement value) =>
        json.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);

    /// <inheritdoc cref="Copy(Utf8JsonWriter, JsonElement)"/>
    public static void Copy(this Utf8JsonWriter json, ReadOnlySpan<byte> name, JsonElement value)
    {
        json.WritePropertyName(name);
        json.Copy(value);
    }

    /// <summary>Writes a field as it came, under another name; nothing where it is absent.</summary>
    public static void Copy(this Utf8JsonWriter json, JsonElement from, ReadOnlySpan<byte> name, ReadOnlySpan<byte> to)
    {
        if (from.Find(name) is { } value)
        {
            json.Copy(to, value);
        }
    }

    /// <inheritdoc cref="Copy(Utf8JsonWriter, JsonElement, ReadOnlySpan{byte}, ReadOnlySpan{byte})"/>
    public static void Copy(this Utf8JsonWriter json, JsonElement from, ReadOnlySpan<byte> name) => json.Copy(from, name, name);

    /// <summary>What stands between the quotes of a string, as it was escaped.</summary>
    public static ReadOnlySpan<byte> Inner(JsonElement text) => JsonMarshal.GetRawUtf8Value(text)[1..^1];

    /// <summary>A text that is empty or blanks alone.</summary>
    public static bool IsBlank(JsonElement text)
    {
        var rest = Inner(text).TrimStart(" \t"u8);
        return rest.IsEmpty || (rest[0] == (byte)'\\' && string.IsNullOrWhiteSpace(text.GetString()));
    }
}
