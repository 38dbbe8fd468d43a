using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Weir.Tests.Retrieval.Support;

/// <summary>Writes a safetensors file, tensor behind tensor.</summary>
internal sealed class SafetensorsWriter
{
    private readonly Dictionary<string, object> _header = [];
    private readonly MemoryStream _data = new();

    public SafetensorsWriter Add<T>(string name, string dtype, ReadOnlySpan<T> values, params long[] shape)
        where T : unmanaged
    {
        var start = _data.Length;
        _data.Write(MemoryMarshal.AsBytes(values));
        _header[name] = new { dtype, shape, data_offsets = new[] { start, _data.Length } };
        return this;
    }

    public SafetensorsWriter Add(string name, float[] values, params long[] shape) => Add<float>(name, "F32", values, shape);

    public byte[] ToArray()
    {
        var header = JsonSerializer.SerializeToUtf8Bytes(_header);
        // The format pads its header with spaces, so that numbers are aligned.
        var padded = Encoding.UTF8.GetBytes(new string(' ', (8 - (header.Length % 8)) % 8));
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length + padded.Length);
        return [.. length, .. header, .. padded, .. _data.ToArray()];
    }
}
