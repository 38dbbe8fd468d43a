using System.Buffers.Binary;
using Weir.Inference.Requests;

namespace Weir.Inference.Caching;

/// <summary>A SHA-256 over all that makes two requests the same.</summary>
internal readonly record struct AnswerKey(long A, long B, long C, long D)
{
    public const int Length = 32;

    public static AnswerKey Of(ReadOnlySpan<byte> hash) => new(
        BinaryPrimitives.ReadInt64LittleEndian(hash),
        BinaryPrimitives.ReadInt64LittleEndian(hash[8..]),
        BinaryPrimitives.ReadInt64LittleEndian(hash[16..]),
        BinaryPrimitives.ReadInt64LittleEndian(hash[24..]));

    /// <summary>The key under which a request is joined with others: nobody who waits for an answer joins one that may wait for hours.</summary>
    public AnswerKey For(InferenceRequest request) => request.IsBackground ? this with { A = ~A } : this;

    public byte[] ToBytes()
    {
        var bytes = new byte[Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, A);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), B);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), C);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), D);
        return bytes;
    }
}
