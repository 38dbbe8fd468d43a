using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.State;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>
/// Gathers parts of several documents for one blob, since each blob costs a flush of its own. A text is a JSON object; chunks are the length of
/// a JSON list (4 bytes), the list, and then the vectors one after the other as 32-bit floats. All numbers are little-endian.
/// </summary>
internal sealed class PackBuilder
{
    private readonly ArrayBufferWriter<byte> _bytes = new(1 << 16);

    public string Id { get; } = IBlobStore.NewId();

    public int Length => _bytes.WrittenCount;

    public ReadOnlyMemory<byte> Bytes => _bytes.WrittenMemory;

    public PackSlice Add(PackedText text)
    {
        var start = Length;
        using (var json = new Utf8JsonWriter(_bytes, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            JsonSerializer.Serialize(json, text, CollectionJson.Compact.PackedText);
        return new PackSlice(Id, start, Length - start);
    }

    public PackSlice Add(IReadOnlyList<PackedChunk> chunks, IReadOnlyList<ReadOnlyMemory<float>> vectors)
    {
        var start = Length;
        var json = JsonSerializer.SerializeToUtf8Bytes(chunks, CollectionJson.Compact.IReadOnlyListPackedChunk);
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.GetSpan(4), json.Length);
        _bytes.Advance(4);
        _bytes.Write(json);
        foreach (var vector in vectors)
            Write(vector.Span);
        return new PackSlice(Id, start, Length - start);
    }

    public PackSlice Add(ReadOnlySpan<byte> part)
    {
        var start = Length;
        _bytes.Write(part);
        return new PackSlice(Id, start, part.Length);
    }

    private void Write(ReadOnlySpan<float> vector)
    {
        if (BitConverter.IsLittleEndian)
        {
            _bytes.Write(MemoryMarshal.AsBytes(vector));
            return;
        }

        foreach (var value in vector)
        {
            BinaryPrimitives.WriteSingleLittleEndian(_bytes.GetSpan(4), value);
            _bytes.Advance(4);
        }
    }
}
