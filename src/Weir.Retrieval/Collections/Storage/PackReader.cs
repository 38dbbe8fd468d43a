using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Weir.State;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>
/// Reads parts of packs; the pack that was read last stays open, so whoever reads many asks for them pack by pack, in order. Null stands for all that cannot be
/// had: the pack is gone, since the document that named it has been changed, or its bytes are damaged. Whoever named it tells these apart by asking whether it
/// still does.
/// </summary>
internal sealed class PackReader(IBlobStore blobs) : IAsyncDisposable
{
    private string? _pack;
    private Stream? _stream;

    public async ValueTask<PackedText?> TextAsync(PackSlice slice, CancellationToken cancellationToken) =>
        await ReadAsync(slice, cancellationToken).ConfigureAwait(false) is { } bytes
            && Parse(bytes, CollectionJson.Default.PackedText) is { Text: not null, Metadata: null or { ValueKind: JsonValueKind.Object } } text
                ? text
                : null;

    public async ValueTask<PackedVectors?> VectorsAsync(PackSlice slice, CancellationToken cancellationToken)
    {
        if (await ReadAsync(slice, cancellationToken).ConfigureAwait(false) is not { Length: >= sizeof(int) } bytes)
            return null;
        var list = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (list < 0 || list > bytes.Length - sizeof(int)
            || Parse(bytes.AsSpan(sizeof(int), list), CollectionJson.Default.IReadOnlyListPackedChunk) is not { } chunks
            || chunks.Any(chunk => chunk is not { Start: >= 0, Length: >= 0 }))
        {
            return null;
        }

        var floats = bytes.AsSpan(sizeof(int) + list);
        var dimensions = chunks.Count == 0 ? 0 : floats.Length / sizeof(float) / chunks.Count;
        if (floats.Length != (long)dimensions * chunks.Count * sizeof(float))
            return null;
        var values = new float[dimensions * chunks.Count];
        if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.Cast<byte, float>(floats)[..values.Length].CopyTo(values);
        }
        else
        {
            for (var i = 0; i < values.Length; i++)
                values[i] = BinaryPrimitives.ReadSingleLittleEndian(floats[(i * sizeof(float))..]);
        }

        return new PackedVectors(chunks, values, dimensions);
    }

    /// <returns>The bytes as they are.</returns>
    public async ValueTask<byte[]?> ReadAsync(PackSlice slice, CancellationToken cancellationToken)
    {
        if (_pack != slice.Pack)
        {
            await CloseAsync().ConfigureAwait(false);
            _stream = await blobs.OpenAsync(slice.Pack, cancellationToken).ConfigureAwait(false);
            _pack = slice.Pack;
        }

        if (_stream is null)
            return null;
        try
        {
            if (slice.Offset < 0 || slice.Length < 0 || slice.Offset > _stream.Length - slice.Length)
                return null;
            if (_stream.Position != slice.Offset)
                _stream.Position = slice.Offset;
            var bytes = new byte[slice.Length];
            await _stream.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
            return bytes;
        }
        catch (IOException)
        {
            // Removed while it was read.
            await CloseAsync().ConfigureAwait(false);
            return null;
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

    private static T? Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
        where T : class
    {
        // Metadata is kept as it was read, and its strings would be found to be none only when somebody asks for them.
        if (!Utf8.IsValid(json))
            return null;
        try
        {
            return JsonSerializer.Deserialize(json, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async ValueTask CloseAsync()
    {
        (var stream, _stream, _pack) = (_stream, null, null);
        if (stream is not null)
            await stream.DisposeAsync().ConfigureAwait(false);
    }
}

/// <summary>Chunks and their vectors, one after the other.</summary>
internal sealed record PackedVectors(IReadOnlyList<PackedChunk> Chunks, float[] Values, int Dimensions)
{
    public ReadOnlyMemory<float> this[int chunk] => Values.AsMemory(chunk * Dimensions, Dimensions);
}
