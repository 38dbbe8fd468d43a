using System.Buffers;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>Puts a JSON string together from pieces that are JSON already, so that they stay escaped as they were.</summary>
/// <param name="most">The most bytes that are kept.</param>
internal sealed class JsonPieces(int most)
{
    private readonly ArrayBufferWriter<byte> _written = new(256);

    public bool IsEmpty => _written.WrittenCount <= 1;

    /// <exception cref="InvalidDataException">The bound is reached.</exception>
    public void Add(JsonElement text)
    {
        var piece = DialectJson.Inner(text);
        if (_written.WrittenCount + piece.Length > most)
        {
            throw new InvalidDataException($"One part of the answer is larger than {most} bytes.");
        }

        if (_written.WrittenCount == 0)
        {
            _written.Write("\""u8);
        }

        _written.Write(piece);
    }

    /// <summary>Writes what was added as one string; nothing may be added after it.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        _written.Write(_written.WrittenCount == 0 ? "\"\""u8 : "\""u8);
        json.WriteRawValue(_written.WrittenSpan, skipInputValidation: true);
    }
}
