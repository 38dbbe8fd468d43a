using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// Puts a JSON string together from pieces that are JSON already: texts pass from one body to the other as they were escaped, large
/// ones without becoming a .NET string, and half a surrogate pair is left to whoever reads it.
/// </summary>
internal sealed class MessagesText
{
    private readonly ArrayBufferWriter<byte> _written = new(256);

    public bool IsEmpty => _written.WrittenCount <= 1;

    /// <summary>What stands between the quotes of a string.</summary>
    public static ReadOnlySpan<byte> Inner(JsonElement text) => JsonMarshal.GetRawUtf8Value(text)[1..^1];

    /// <summary>Writes a value exactly as it came.</summary>
    public static void Copy(Utf8JsonWriter json, ReadOnlySpan<byte> name, JsonElement value)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);
    }

    public MessagesText Begin()
    {
        _written.ResetWrittenCount();
        _written.Write("\""u8);
        return this;
    }

    /// <param name="escaped">As it stands between the quotes of a JSON string.</param>
    public MessagesText Add(ReadOnlySpan<byte> escaped)
    {
        _written.Write(escaped);
        return this;
    }

    /// <summary>An empty line, unless nothing stands before it.</summary>
    public MessagesText Separate() => IsEmpty ? this : Add("""\n\n"""u8);

    public void WriteTo(Utf8JsonWriter json)
    {
        _written.Write("\""u8);
        json.WriteRawValue(_written.WrittenSpan, skipInputValidation: true);
    }
}
