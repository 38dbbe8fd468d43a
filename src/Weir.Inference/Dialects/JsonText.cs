using System.Buffers;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// Puts a JSON string together from pieces that are JSON already: texts pass from one body to the other as they were escaped, large ones without
/// becoming a .NET string, and half a surrogate pair is left to whoever reads it.
/// </summary>
/// <param name="most">The most bytes that are kept; by default as much as fits, for what a bounded request is made of.</param>
internal sealed class JsonText(int most = int.MaxValue)
{
    private readonly ArrayBufferWriter<byte> _written = new(256);

    public bool IsEmpty => _written.WrittenCount <= 1;

    /// <summary>Forgets what was added.</summary>
    public JsonText Begin()
    {
        _written.ResetWrittenCount();
        return this;
    }

    /// <inheritdoc cref="Add(ReadOnlySpan{byte})"/>
    public JsonText Add(JsonElement text) => Add(DialectJson.Inner(text));

    /// <param name="escaped">As it stands between the quotes of a JSON string.</param>
    /// <exception cref="InvalidDataException">The bound is reached.</exception>
    public JsonText Add(ReadOnlySpan<byte> escaped)
    {
        if (_written.WrittenCount + (long)escaped.Length > most)
            throw new InvalidDataException($"One part of the answer is larger than {most} bytes.");
        if (_written.WrittenCount == 0)
            _written.Write("\""u8);
        _written.Write(escaped);
        return this;
    }

    /// <summary>Adds an empty line, unless nothing stands before it.</summary>
    public JsonText Separate() => IsEmpty ? this : Add("""\n\n"""u8);

    /// <summary>Writes what was added as one string; nothing may be added after it but by beginning again.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        _written.Write(_written.WrittenCount == 0 ? "\"\""u8 : "\""u8);
        json.WriteRawValue(_written.WrittenSpan, skipInputValidation: true);
    }
}
