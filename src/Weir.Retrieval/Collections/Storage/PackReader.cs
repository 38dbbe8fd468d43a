using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.State;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>Reads parts of packs; the pack that was read last stays open, so whoever reads many asks for them pack by pack, in order.</summary>
internal sealed class PackReader(IBlobStore blobs) : IAsyncDisposable
{
    private string? _pack;
    private Stream? _stream;

    /// <returns>Null where the pack is gone: the document that named it has been changed since.</returns>
    public async ValueTask<PackedText?> TextAsync(PackSlice slice, CancellationToken cancellationToken) =>
        await ReadAsync(slice, cancellationToken).ConfigureAwait(false) is { } bytes ? JsonSerializer.Deserialize(bytes, CollectionJson.Default.PackedText) : null;

    /// <returns>Null where the pack is gone: the document that named it has been changed since.</returns>
    public async ValueTask<PackedVectors?> VectorsAsync(PackSlice slice, CancellationToken cancellationToken)
    {
        if (await ReadAsync(slice, cancellationToken).ConfigureAwait(false) is not { } bytes)
            return null;
        var list = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        var chunks = JsonSerializer.Deserialize(bytes.AsSpan(4, list), CollectionJson.Default.IReadOnlyListPackedChunk)!;
        var floats = bytes.AsSpan(4 + list);
        var dimensions = chunks.Count == 0 ? 0 : floats.Length / sizeof(float) / chunks.Count;
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

    /// <returns>The bytes as they are; null where the pack is gone.</returns>
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
            if (_stream.Position != slice.Offset)
                _stream.Position = slice.Offset;
            var bytes = new byte[slice.Length];
            await _stream.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
            return bytes;
        }
        catch (IOException)
        {
            // Removed while it was read. A pack that is damaged reads the same: who named it says so when it does not change.
            await CloseAsync().ConfigureAwait(false);
            return null;
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

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
