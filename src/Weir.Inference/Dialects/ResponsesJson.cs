using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>How the JSON of this translation is read and written: what is not of the type that is looked for counts as absent.</summary>
internal static class ResponsesJson
{
    /// <summary>As deep as a request may be, and a little more for what a provider wraps around it.</summary>
    public static readonly JsonDocumentOptions Reading = new() { MaxDepth = 160 };

    /// <summary>Goes to no HTML page: text stays as short as it is.</summary>
    public static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Null where there is no such property, or no string.</summary>
    public static string? Text(this JsonElement element, ReadOnlySpan<byte> name) =>
        element.Property(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    /// <summary>Null where there is no such property, or JSON's null, or where <paramref name="element"/> is no object.</summary>
    public static JsonElement? Property(this JsonElement element, ReadOnlySpan<byte> name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>0 where there is no such property, or no whole number.</summary>
    public static long Count(this JsonElement element, ReadOnlySpan<byte> name) =>
        element.Property(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var count) ? count : 0;

    public static IEnumerable<JsonElement> Items(this JsonElement element, ReadOnlySpan<byte> name) =>
        element.Property(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    /// <summary>Writes a property as it is, under another name; nothing where it is absent.</summary>
    public static void Copy(this Utf8JsonWriter writer, JsonElement from, ReadOnlySpan<byte> name, ReadOnlySpan<byte> to)
    {
        if (from.Property(name) is { } value)
        {
            writer.WritePropertyName(to);
            writer.Copy(value);
        }
    }

    /// <summary>Writes a value exactly as it came: a large one never becomes a string of ours, and its escapes are left to whoever reads it.</summary>
    public static void Copy(this Utf8JsonWriter writer, JsonElement value) =>
        writer.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);

    public static void Copy(this Utf8JsonWriter writer, JsonElement from, ReadOnlySpan<byte> name) => writer.Copy(from, name, name);
}
