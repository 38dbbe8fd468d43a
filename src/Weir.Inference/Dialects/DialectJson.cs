using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// How bodies of both dialects are read and written. Values pass from one to the other as they were escaped, large ones without becoming a
/// .NET string. A field that is null is one that is absent.
/// </summary>
internal static class DialectJson
{
    /// <summary>As deep as a request may be, and a little more for what a provider wraps around it.</summary>
    public static readonly JsonDocumentOptions Reading = new() { MaxDepth = 160 };

    /// <summary>It goes to no HTML page: text stays as short as it is.</summary>
    public static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Null where there is no such field, or it is null, or <paramref name="from"/> is no object.</summary>
    public static JsonElement? Find(JsonElement from, ReadOnlySpan<byte> name) =>
        from.ValueKind == JsonValueKind.Object && from.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Null where there is no such field, or no text in it.</summary>
    public static JsonElement? FindText(JsonElement from, ReadOnlySpan<byte> name) =>
        Find(from, name) is { ValueKind: JsonValueKind.String } text ? text : null;

    /// <summary>Null where there is no such field, or no text in it.</summary>
    public static string? TextOf(JsonElement from, ReadOnlySpan<byte> name) => FindText(from, name)?.GetString();

    /// <summary>0 where there is no such field, or no whole number in it.</summary>
    public static long CountOf(JsonElement from, ReadOnlySpan<byte> name) =>
        Find(from, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var count) ? count : 0;

    /// <summary>Writes a value exactly as it came.</summary>
    public static void Copy(Utf8JsonWriter json, ReadOnlySpan<byte> name, JsonElement value)
    {
        json.WritePropertyName(name);
        Copy(json, value);
    }

    /// <inheritdoc cref="Copy(Utf8JsonWriter, ReadOnlySpan{byte}, JsonElement)"/>
    public static void Copy(Utf8JsonWriter json, JsonElement value) =>
        json.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);

    /// <summary>What stands between the quotes of a string, as it was escaped.</summary>
    public static ReadOnlySpan<byte> Inner(JsonElement text) => JsonMarshal.GetRawUtf8Value(text)[1..^1];

    /// <summary>A text that is empty or blanks alone.</summary>
    public static bool IsBlank(JsonElement text)
    {
        var rest = Inner(text).TrimStart(" \t"u8);
        return rest.IsEmpty || (rest[0] == (byte)'\\' && string.IsNullOrWhiteSpace(text.GetString()));
    }
}
